// Chroma keying; see chroma.py, whose constants and functions these repeat.
#define NARROW 0.5f
#define THIN 0.125f
static __device__ __forceinline__ float luma(float r, float g, float b) { return 0.299f * r + 0.587f * g + 0.114f * b; }
static __device__ __forceinline__ float blue_chroma(float r, float g, float b) {
    return 0.5f * b - 0.168736f * r - 0.331264f * g;
}
static __device__ __forceinline__ float red_chroma(float r, float g, float b) {
    return 0.5f * r - 0.418688f * g - 0.081312f * b;
}
static __device__ __forceinline__ float own(float v, float k, float a, float spill) {
    float f = (v - (1.f - a) * k) / (a > THIN ? a : THIN);
    return v + (f - v) * spill;
}
static __device__ __forceinline__ unsigned char level(float v) {
    return (unsigned char)(int)((v > 0.f ? (v < 255.f ? v : 255.f) : 0.f) + 0.5f);
}

KERNEL(unmix) {
    float r = image(y, x, 0), g = image(y, x, 1), b = image(y, x, 2);
    float kb = blue_chroma(red, green, blue), kr = red_chroma(red, green, blue);
    float cb = blue_chroma(r, g, b), cr = red_chroma(r, g, b);
    float norm = 1.f / (kb * kb + kr * kr);
    float along = (cb * kb + cr * kr) * norm;
    float across = fabsf(cb * kr - cr * kb) * norm;
    float share = along - across * NARROW;
    float a = (1.f - tolerance - share) / softness;
    a = a > 0.f ? (a < 1.f ? a : 1.f) : 0.f;
    alpha(y, x) = a;
    r = own(r, red, a, spill);
    g = own(g, green, a, spill);
    b = own(b, blue, a, spill);
    cb = blue_chroma(r, g, b);
    cr = red_chroma(r, g, b);
    float left = (cb * kb + cr * kr - fabsf(cb * kr - cr * kb)) * norm;
    left = (left > 0.f ? left : 0.f) * spill;
    float grey = luma(red, green, blue);
    clean(y, x, 0) = level(r - left * (red - grey));
    clean(y, x, 1) = level(g - left * (green - grey));
    clean(y, x, 2) = level(b - left * (blue - grey));
}

KERNEL(border) {
    int around = 2 * h + w;
    int at = min((int)(((float)i + 0.5f) * (float)around / (float)n), around - 1);
    int row = at < h ? h - 1 - at : (at < h + w ? 0 : at - h - w);
    int column = at < h ? 0 : (at < h + w ? at - h : w - 1);
    for (int c = 0; c < 3; ++c) out(i, c) = image(row, column, c);
}
