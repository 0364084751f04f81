// What a mixture of Gaussians says of a colour; see modes.py, whose constants and functions these repeat.
enum { LANES = 64, VAR = 0, RED = LANES, GREEN = 2 * LANES, BLUE = 3 * LANES };
#define EPSILON 1.1920929e-7f
#define FAR 1e9f
#define SHARE (1.f / 65535.f)
#define MEAN (1.f / 256.f)
#define VARIANCE (1.f / 64.f)

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

KERNEL(modes_evidence) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        float r = image(y, x, 0), g = image(y, x, 1), b = image(y, x, 2);
        int n = modes(y, x);
        float d2 = n > 0 ? nearest(y, x, r, g, b, n, weight, gauss, ratio) : reach;
        evidence(y, x) = d2 / (d2 + reach);
    }
}

KERNEL(modes_plate) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES;
        float total = 0.f, r = 0.f, g = 0.f, b = 0.f;
        for (int m = 0; m < modes(y, x); ++m) {
            float share = weight(m, y, x) * SHARE;
            r += share * gauss(m, y, tile, at + RED) * MEAN;
            g += share * gauss(m, y, tile, at + GREEN) * MEAN;
            b += share * gauss(m, y, tile, at + BLUE) * MEAN;
            total += share;
            if (total > ratio) break;
        }
        float scale = fabsf(total) > EPSILON ? 1.f / total : 0.f;
        plate(y, x, 0) = (unsigned char)(int)rintf(r * scale);
        plate(y, x, 1) = (unsigned char)(int)rintf(g * scale);
        plate(y, x, 2) = (unsigned char)(int)rintf(b * scale);
    }
}
