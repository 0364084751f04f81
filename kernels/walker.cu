// The random walker with priors; see walker.py, whose constants these repeat.
#define CONTRAST 14.f
#define KNOWN 10.f
#define AGREE 20.f
#define LOOSE 0.01f
#define HOLD 0.2f
#define BARE 1e-4f

KERNEL(believe) {
    float a = fminf(fmaxf((distance(y, x) - tolerance) / softness, 0.f), 1.f);
    float b = fmaxf(1.f - distance(y, x) / (tolerance + softness), 0.f);
    out(0, y, x) = a * a;
    out(1, y, x) = HOLD * b + BARE;
}

KERNEL(follow) {
    float lean = (2.f * alpha(y, x) - 1.f) * trust;
    out(0, y, x) = fmaxf(lean, 0.f);
    out(1, y, x) = fmaxf(-lean, 0.f) + BARE;
}

template <typename P>
static __device__ __forceinline__ float square(P image, int y, int x, int j, int i, float gr, float gg, float gb) {
    float r = ((float)image(y, x, 0) - (float)image(j, i, 0)) * gr;
    float g = ((float)image(y, x, 1) - (float)image(j, i, 1)) * gg;
    float b = ((float)image(y, x, 2) - (float)image(j, i, 2)) * gb;
    return r * r + g * g + b * b;
}

static __device__ __forceinline__ float fall(float t) {
    float a = 1.f / (1.f + t * (1.f / 8.f));
    a *= a;
    a *= a;
    return a * a;
}

template <typename P, typename L, typename D>
static __device__ __forceinline__ float tie(P image, P plate, L light, D distance, int y, int x, int j, int i) {
    float mine = square(image, y, x, j, i, 1.f, 1.f, 1.f);
    float known = square(plate, y, x, j, i, light(0, 0), light(1, 0), light(2, 0));
    float off = fmaxf(distance(y, x), distance(j, i));
    float agree = fall(off * off * (1.f / (AGREE * AGREE)));
    mine /= 1.f + known * agree * (1.f / (KNOWN * KNOWN));
    return LOOSE + (1.f - LOOSE) * fall(mine * (1.f / (CONTRAST * CONTRAST)));
}

KERNEL(tether) {
    int i = min(x + 1, w - 1), j = min(y + 1, h - 1);
    out(0, y, x) = i > x ? tie(image, plate, light, distance, y, x, y, i) : 0.f;
    out(1, y, x) = j > y ? tie(image, plate, light, distance, y, x, j, x) : 0.f;
}

KERNEL(balance) {
    float left = x > 0 ? ties(0, y, x - 1) : 0.f;
    float above = y > 0 ? ties(1, y - 1, x) : 0.f;
    float mine = pulls(0, y, x) + pulls(1, y, x);
    float each = 1.f / (mine + left + ties(0, y, x) + above + ties(1, y, x));
    out(0, y, x) = pulls(0, y, x) * each;
    out(1, y, x) = left * each;
    out(2, y, x) = ties(0, y, x) * each;
    out(3, y, x) = above * each;
    out(4, y, x) = ties(1, y, x) * each;
    first(y, x) = pulls(0, y, x) / mine;
}

KERNEL(step_on) {
    for (int x = block * step; x < min(block * step + step, w); ++x) {
        float rest = shares(0, y, x) + shares(1, y, x) * now(y, max(x - 1, 0)) +
                     shares(2, y, x) * now(y, min(x + 1, w - 1)) +
                     (shares(3, y, x) * now(max(y - 1, 0), x) + shares(4, y, x) * now(min(y + 1, h - 1), x));
        out(y, x) = out(y, x) + omega * (rest - out(y, x));
    }
}
