// Discs, rings, stamps of text, and what an alpha covers of discs; see disc.py, whose functions these repeat.
static __device__ __forceinline__ float inside(float d) { return fminf(fmaxf(d + 0.5f, 0.f), 1.f); }
static __device__ __forceinline__ unsigned char blend(unsigned char back, int front, float a) {
    return (unsigned char)(int)((float)back + ((float)front - (float)back) * a + 0.5f);
}

KERNEL(draw) {
    float dy = (float)y - cy;
    float dx = (float)x - cx;
    float d = sqrtf(dy * dy + dx * dx);
    float a = inside(radius - d) * opacity;
    bool right = dx >= 0.f;
    bool before = dy * ex - dx * ey <= 0.f;
    bool within = reflex == 1 ? (right || before) : (right && before);
    float b = within && ring > 0.f ? inside(radius - d) * inside(d - (radius - ring)) : 0.f;
    image(y, x, 0) = blend(blend(image(y, x, 0), red, a), ring_red, b);
    image(y, x, 1) = blend(blend(image(y, x, 1), green, a), ring_green, b);
    image(y, x, 2) = blend(blend(image(y, x, 2), blue, a), ring_blue, b);
}

KERNEL(stamp) {
    float a = (float)mask(y, x, 0) * (float)(1.0 / 255);
    float b = 1.f - (float)mask(y, x, 1) * (float)(1.0 / 255);
    image(y, x, 0) = blend((unsigned char)(int)((float)image(y, x, 0) * b + 0.5f), red, a);
    image(y, x, 1) = blend((unsigned char)(int)((float)image(y, x, 1) * b + 0.5f), green, a);
    image(y, x, 2) = blend((unsigned char)(int)((float)image(y, x, 2) * b + 0.5f), blue, a);
}

KERNEL(count) {
    float cy = places(i, 0);
    float cx = places(i, 1);
    float r = places(i, 2);
    float step = 2.f * r / (float)k;
    float dy = ((float)j + 0.5f) * step - r;
    int on = 0;
    int covered = 0;
    for (int n = 0; n < k; ++n) {
        float dx = ((float)n + 0.5f) * step - r;
        int py = (int)floorf(cy + dy + 0.5f);
        int px = (int)floorf(cx + dx + 0.5f);
        if (dy * dy + dx * dx <= r * r && py >= 0 && py < h && px >= 0 && px < w) {
            on += 1;
            covered += alpha(py, px) > 0.5f ? 1 : 0;
        }
    }
    out(i, j, 0) = (float)on;
    out(i, j, 1) = (float)covered;
}
