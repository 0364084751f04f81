// A mixture of Gaussians per pixel; see mog.py and modes.py, whose constants and functions these repeat.
enum { LANES = 64, VAR = 0, RED = LANES, GREEN = 2 * LANES, BLUE = 3 * LANES, TILE = 4 * LANES };
enum { MOST = 5, WORK = 8 * LANES };
#define EPSILON 1.1920929e-7f
#define FAR 1e9f
#define FROZEN 0.1f

template <typename W, typename G> static __device__ __forceinline__ void lift(int m, int y, int x, W weight, G gauss) {
    float w = weight(m, y, x);
    weight(m, y, x) = weight(m - 1, y, x);
    weight(m - 1, y, x) = w;
    int tile = x / LANES;
    for (int at = x % LANES; at < TILE; at += LANES) {
        float v = gauss(m, y, tile, at);
        gauss(m, y, tile, at) = gauss(m - 1, y, tile, at);
        gauss(m - 1, y, tile, at) = v;
    }
}

template <typename W, typename G>
static __device__ __forceinline__ bool shadowed(int y, int x, float r, float g, float b, int n, W weight, G gauss,
                                                float reach, float ratio, float tau) {
    int tile = x / LANES, at = x % LANES;
    float total = 0.f;
    for (int m = 0; m < n; ++m) {
        float mr = gauss(m, y, tile, at + RED), mg = gauss(m, y, tile, at + GREEN), mb = gauss(m, y, tile, at + BLUE);
        float dot = r * mr + g * mg + b * mb, norm = mr * mr + mg * mg + mb * mb;
        if (norm == 0.f) return false;
        if (dot <= norm && dot >= tau * norm) {
            float dark = dot / norm;
            float dr = dark * mr - r, dg = dark * mg - g, db = dark * mb - b;
            if (dr * dr + dg * dg + db * db < reach * gauss(m, y, tile, at + VAR) * dark * dark) return true;
        }
        total += weight(m, y, x);
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
        float dr = gauss(m, y, tile, at + RED) - r;
        float dg = gauss(m, y, tile, at + GREEN) - g;
        float db = gauss(m, y, tile, at + BLUE) - b;
        least = fminf(least, (dr * dr + dg * dg + db * db) / gauss(m, y, tile, at + VAR));
        total += weight(m, y, x);
    }
    return least;
}

struct Limits {
    int most;
    float rate, prune, gate, reach, ratio, var_init, var_min, var_max;
    int shadow;
    float tau;
};

template <typename I, typename F, typename M, typename W, typename G, typename L>
static __device__ __forceinline__ void learn(int y, int x, I image, F freeze, M modes, W weight, G gauss, L label,
                                             Limits of) {
    int tile = x / LANES, at = x % LANES;
    float r = image(y, x, 0), g = image(y, x, 1), b = image(y, x, 2);
    float keep = 1.f - of.rate, total = 0.f;
    int n = modes(y, x);
    bool fits = false, held = freeze(y, x) > FROZEN;
    bool background = held && nearest(y, x, r, g, b, n, weight, gauss, of.ratio) < of.reach;
    for (int m = 0; m < n && !held; ++m) {
        float w = keep * weight(m, y, x) - of.prune;
        int place = m;
        if (!fits) {
            float v = gauss(m, y, tile, at + VAR);
            float dr = gauss(m, y, tile, at + RED) - r;
            float dg = gauss(m, y, tile, at + GREEN) - g;
            float db = gauss(m, y, tile, at + BLUE) - b;
            float d2 = dr * dr + dg * dg + db * db;
            if (total < of.ratio && d2 < of.reach * v) background = true;
            if (d2 < of.gate * v) {
                fits = true;
                w += of.rate;
                float k = of.rate / w;
                gauss(m, y, tile, at + RED) -= k * dr;
                gauss(m, y, tile, at + GREEN) -= k * dg;
                gauss(m, y, tile, at + BLUE) -= k * db;
                v += k * (d2 - v);
                v = v < of.var_min ? of.var_min : v;
                gauss(m, y, tile, at + VAR) = v > of.var_max ? of.var_max : v;
                for (; place > 0 && w >= weight(place - 1, y, x); --place) lift(place, y, x, weight, gauss);
            }
        }
        if (w < of.prune) {
            w = 0.f;
            n -= 1;
        }
        weight(place, y, x) = w;
        total += w;
    }
    float scale = fabsf(total) > EPSILON ? 1.f / total : 0.f;
    for (int q = 0; q < n && !held; ++q) weight(q, y, x) *= scale;
    if (!fits && !held && of.rate > 0.f) {
        n = min(n + 1, of.most);
        int last = n - 1;
        for (int q = 0; q < last; ++q) weight(q, y, x) *= keep;
        weight(last, y, x) = n == 1 ? 1.f : of.rate;
        gauss(last, y, tile, at + VAR) = of.var_init;
        gauss(last, y, tile, at + RED) = r;
        gauss(last, y, tile, at + GREEN) = g;
        gauss(last, y, tile, at + BLUE) = b;
        for (; last > 0 && of.rate >= weight(last - 1, y, x); --last) lift(last, y, x, weight, gauss);
    }
    modes(y, x) = (unsigned char)n;
    if (background)
        label(y, x) = 0;
    else if (of.shadow != 255 && shadowed(y, x, r, g, b, n, weight, gauss, of.reach, of.ratio, of.tau))
        label(y, x) = (unsigned char)of.shadow;
    else
        label(y, x) = 255;
}

#define LIMITS Limits{most, rate, prune, gate, reach, ratio, var_init, var_min, var_max, shadow, tau}

KERNEL(mog_pixel) {
    int tile = x / LANES, at = x % LANES, n = modes(y, x);
    float keep = 1.f - rate;
    float w = weight(0, y, x), v = gauss(0, y, tile, at + VAR);
    float r = gauss(0, y, tile, at + RED), g = gauss(0, y, tile, at + GREEN), b = gauss(0, y, tile, at + BLUE);
    float others[MOST - 1];
    #pragma unroll
    for (int m = 1; m < MOST; ++m) others[m - 1] = m < n ? weight(m, y, x) : 0.f;
    float dr = r - image(y, x, 0), dg = g - image(y, x, 1), db = b - image(y, x, 2);
    float d2 = dr * dr + dg * dg + db * db;
    float heavy = keep * w - prune + rate;
    bool fits = n > 0 && d2 < gate * v && d2 < reach * v && heavy >= prune && heavy > EPSILON;
    if (!(fits && freeze(y, x) <= FROZEN)) {
        learn(y, x, image, freeze, modes, weight, gauss, label, LIMITS);
        return;
    }
    float k = rate / heavy, u = v + k * (d2 - v), total = heavy;
    u = u < var_min ? var_min : u;
    gauss(0, y, tile, at + VAR) = u > var_max ? var_max : u;
    gauss(0, y, tile, at + RED) = r - k * dr;
    gauss(0, y, tile, at + GREEN) = g - k * dg;
    gauss(0, y, tile, at + BLUE) = b - k * db;
    int left = n;
    #pragma unroll
    for (int m = 1; m < MOST; ++m) {
        if (m >= left) continue;
        float faded = keep * others[m - 1] - prune;
        if (faded < prune) {
            faded = 0.f;
            left -= 1;
        }
        others[m - 1] = faded;
        total += faded;
    }
    float scale = 1.f / total;
    weight(0, y, x) = heavy * scale;
    #pragma unroll
    for (int m = 1; m < MOST; ++m)
        if (m < n) weight(m, y, x) = m < left ? others[m - 1] * scale : others[m - 1];
    if (left != n) modes(y, x) = (unsigned char)left;
    label(y, x) = 0;
}

KERNEL(mog_row) {
    for (int x = 0; x < width; ++x) learn(y, x, image, freeze, modes, weight, gauss, label, LIMITS);
    for (int j = 0; j < WORK; ++j) work(y, j) = 0.f;
}
