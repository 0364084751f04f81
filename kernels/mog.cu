// A mixture of Gaussians per pixel; see mog.py and modes.py, whose constants and functions these repeat.
enum { LANES = 64, VAR = 0, RED = LANES, GREEN = 2 * LANES, BLUE = 3 * LANES, TILE = 4 * LANES };
enum { MOST = 5, WORK = (8 + 5) * LANES, CHANNELS = 3 * LANES, TURN = 40503, TURNS = 65536 };
#define EPSILON 1.1920929e-7f
#define FAR 1e9f
#define FROZEN 0.1f
#define ONE 65535.f
#define LEVEL 256.f
#define SPREAD 64.f
#define SHARE (1.f / 65535.f)
#define MEAN (1.f / 256.f)
#define VARIANCE (1.f / 64.f)

typedef unsigned short Stored;

template <typename W, typename G>
static __device__ __forceinline__ bool shadowed(int y, int x, float r, float g, float b, int n, W weight, G gauss,
                                                float reach, float ratio, float tau) {
    int tile = x / LANES, at = x % LANES;
    float total = 0.f;
    for (int m = 0; m < n; ++m) {
        float mr = gauss(m, y, tile, at + RED) * MEAN;
        float mg = gauss(m, y, tile, at + GREEN) * MEAN;
        float mb = gauss(m, y, tile, at + BLUE) * MEAN;
        float dot = r * mr + g * mg + b * mb, norm = mr * mr + mg * mg + mb * mb;
        if (norm == 0.f) return false;
        if (dot <= norm && dot >= tau * norm) {
            float dark = dot / norm;
            float dr = dark * mr - r, dg = dark * mg - g, db = dark * mb - b;
            if (dr * dr + dg * dg + db * db < reach * (gauss(m, y, tile, at + VAR) * VARIANCE) * dark * dark) return true;
        }
        total += weight(m, y, x) * SHARE;
        if (total > ratio) return false;
    }
    return false;
}

template <typename W, typename G>
static __device__ __forceinline__ float nearest(int y, int x, float r, float g, float b, int n, W weight, G gauss,
                                                float ratio) {
    int tile = x / LANES, at = x % LANES;
    float total = 0.f, least = FAR;
    for (int m = 0; m < n && total < ratio; ++m) {
        float dr = gauss(m, y, tile, at + RED) * MEAN - r;
        float dg = gauss(m, y, tile, at + GREEN) * MEAN - g;
        float db = gauss(m, y, tile, at + BLUE) * MEAN - b;
        least = fminf(least, (dr * dr + dg * dg + db * db) / (gauss(m, y, tile, at + VAR) * VARIANCE));
        total += weight(m, y, x) * SHARE;
    }
    return least;
}

struct Limits {
    int most;
    float rate, prune, gate, reach, ratio, var_init, var_min, var_max;
    int shadow;
    float tau, dither;
};

template <typename P, typename F, typename M, typename W, typename G, typename L>
static __device__ __forceinline__ void learn(int y, int x, P pixel, F freeze, M modes, W weight, G gauss, L label,
                                             Limits of) {
    int tile = x / LANES, at = x % LANES;
    float r = pixel(0), g = pixel(1), b = pixel(2);
    float keep = 1.f - of.rate, total = 0.f, heavy = 0.f;
    int n = modes(y, x), found = 0, place = 0;
    float faded[MOST];
    #pragma unroll
    for (int m = 0; m < MOST; ++m) {
        float w = m < n ? keep * (weight(m, y, x) * SHARE) - of.prune : 0.f;
        faded[m] = w < of.prune ? 0.f : w;
    }
    bool fits = false, held = freeze(y, x) > FROZEN;
    bool background = held && nearest(y, x, r, g, b, n, weight, gauss, of.ratio) < of.reach;
    for (int m = 0; m < n && !held; ++m) {
        float w = keep * (weight(m, y, x) * SHARE) - of.prune;
        if (!fits) {
            float v = gauss(m, y, tile, at + VAR) * VARIANCE;
            float mr = gauss(m, y, tile, at + RED) * MEAN;
            float mg = gauss(m, y, tile, at + GREEN) * MEAN;
            float mb = gauss(m, y, tile, at + BLUE) * MEAN;
            float dr = mr - r, dg = mg - g, db = mb - b;
            float d2 = dr * dr + dg * dg + db * db;
            if (total < of.ratio && d2 < of.reach * v) background = true;
            if (d2 < of.gate * v) {
                fits = true;
                w += of.rate;
                float k = of.rate / fmaxf(w, fmaxf(of.rate, EPSILON));
                v += k * (d2 - v);
                v = v < of.var_min ? of.var_min : v;
                v = v > of.var_max ? of.var_max : v;
                gauss(m, y, tile, at + VAR) = (Stored)(int)(v * SPREAD + of.dither);
                gauss(m, y, tile, at + RED) = (Stored)(int)((mr - k * dr) * LEVEL + of.dither);
                gauss(m, y, tile, at + GREEN) = (Stored)(int)((mg - k * dg) * LEVEL + of.dither);
                gauss(m, y, tile, at + BLUE) = (Stored)(int)((mb - k * db) * LEVEL + of.dither);
                found = place = m;
                while (place > 0 && w >= faded[place - 1]) --place;
                heavy = w < of.prune ? 0.f : w;
            }
        }
        if (w < of.prune) {
            w = 0.f;
            n -= 1;
        }
        total += w;
    }
    float scale = fabsf(total) > EPSILON ? 1.f / total : 0.f;
    bool fresh = !(fits || held) && of.rate > 0.f;
    float again = fresh ? keep : 1.f;
    if (fresh) {
        n = min(n + 1, of.most);
        found = place = n - 1;
        while (place > 0 && of.rate >= faded[place - 1] * scale * keep) --place;
        gauss(found, y, tile, at + VAR) = (Stored)(int)(of.var_init * SPREAD);
        gauss(found, y, tile, at + RED) = (Stored)(int)(r * LEVEL);
        gauss(found, y, tile, at + GREEN) = (Stored)(int)(g * LEVEL);
        gauss(found, y, tile, at + BLUE) = (Stored)(int)(b * LEVEL);
        heavy = of.rate;
    }
    for (int q = found; q > place; --q)
        for (int k = at; k < TILE; k += LANES) {
            Stored v = gauss(q, y, tile, k);
            gauss(q, y, tile, k) = gauss(q - 1, y, tile, k);
            gauss(q - 1, y, tile, k) = v;
        }
    for (int q = 0; q < n && !held; ++q) {
        float w = faded[q > place && q <= found ? q - 1 : q] * scale * again;
        if (q == place && (fits || fresh)) w = fresh ? heavy : heavy * scale;
        w = fmaxf(fminf(w, 1.f), 0.f);
        weight(q, y, x) = n == 1 ? (Stored)ONE : (Stored)min((int)(w * ONE + of.dither), (int)ONE);
    }
    modes(y, x) = (unsigned char)n;
    if (background)
        label(y, x) = 0;
    else if (of.shadow != 255 && shadowed(y, x, r, g, b, n, weight, gauss, of.reach, of.ratio, of.tau))
        label(y, x) = (unsigned char)of.shadow;
    else
        label(y, x) = 255;
}

#define LIMITS(t) \
    Limits{most, rate, prune, gate, reach, ratio, var_init, var_min, var_max, shadow, tau, \
           ((t) + 0.5f) * (1.f / 65536.f)}

KERNEL(mog_turn) {
    turn(i) = (turn(i) + TURN) % TURNS;
}

KERNEL(mog_pixel) {
    auto pixel = [&](int c) { return image(y, x, c); };
    learn(y, x, pixel, freeze, modes, weight, gauss, label, LIMITS(turn(0)));
}

KERNEL(mog_row) {
    for (int x = 0; x < width; ++x) {
        auto pixel = [&](int c) { return pixels(y, 3 * x + c); };
        learn(y, x, pixel, freeze, modes, weight, gauss, label, LIMITS(turn(0)));
    }
    for (int j = 0; j < WORK; ++j) work(y, j) = 0.f;
    for (int j = 0; j < CHANNELS; ++j) colour(y, j) = 0.f;
}
