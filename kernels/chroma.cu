// Chroma keying; see chroma.py, whose constants and functions these repeat.
enum { CELL = 4 };
#define NOTHING 1e-12f
#define DIM 0.4f
#define EVEN 0.2f
#define ALIEN 0.6f
#define TEXTURE 6.f
#define NARROW 0.5f
#define LEAST 0.3f
#define THIN 0.125f

static __device__ __forceinline__ float luma(float r, float g, float b) { return 0.299f * r + 0.587f * g + 0.114f * b; }
static __device__ __forceinline__ float blue_chroma(float r, float g, float b) {
    return 0.5f * b - 0.168736f * r - 0.331264f * g;
}
static __device__ __forceinline__ float red_chroma(float r, float g, float b) {
    return 0.5f * r - 0.418688f * g - 0.081312f * b;
}
static __device__ __forceinline__ unsigned char level(float v) {
    return (unsigned char)(int)((v > 0.f ? (v < 255.f ? v : 255.f) : 0.f) + 0.5f);
}

KERNEL(survey) {
    float kb = blue_chroma(red, green, blue), kr = red_chroma(red, green, blue);
    float norm = 1.f / (kb * kb + kr * kr), bright = luma(red, green, blue);
    int sum[3] = {0, 0, 0}, area = 0, screens = 0;
    float least = 9.f, most = -9.f, dark = 9.f, bold = -9.f;
    for (int j = y * CELL; j < min(y * CELL + CELL, h); ++j)
        for (int i = x * CELL; i < min(x * CELL + CELL, w); ++i) {
            float r = image(j, i, 0), g = image(j, i, 1), b = image(j, i, 2);
            float cb = blue_chroma(r, g, b), cr = red_chroma(r, g, b);
            float share = ((cb * kb + cr * kr) - NARROW * fabsf(cb * kr - cr * kb)) * norm;
            float light = luma(r, g, b) / bright;
            float hue = share / (light > DIM ? light : DIM);
            screens += hue >= 1.f - tolerance ? 1 : 0;
            least = hue < least ? hue : least;
            most = hue > most ? hue : most;
            dark = light < dark ? light : dark;
            bold = light > bold ? light : bold;
            for (int c = 0; c < 3; ++c) sum[c] += image(j, i, c);
            area += 1;
        }
    bool screen = screens == area && dark >= DIM && bold - dark <= EVEN;
    bool subject = most <= ALIEN && most - least <= tolerance * (most <= tolerance ? TEXTURE : 2.f);
    for (int p = 0; p < 2; ++p) {
        int one = (subject && p == 0) || (screen && p == 1) ? 1 : 0;
        for (int c = 0; c < 3; ++c) out(4 * p + c, y, x) = (float)(one * sum[c]);
        out(4 * p + 3, y, x) = (float)(one * area);
    }
    out(8, y, x) = (float)screens;
}

KERNEL(pool) { out(p, y, x) = source(p, y, x) * weight + (fresh == 1 ? 0.f : out(p, y, x)); }

KERNEL(settle) {
    const float key[3] = {red, green, blue};
    for (int p = 0; p < 2; ++p) {
        float area = pooled(4 * p + 3, y, x) + NOTHING;
        for (int c = 0; c < 3; ++c)
            out(3 * p + c, y, x) = (pooled(4 * p + c, y, x) + (p == 1 ? key[c] * NOTHING : 0.f)) / area;
    }
    bool screen = true, subject = true;
    for (int j = max(y - 1, 0); j < min(y + 2, h); ++j)
        for (int i = max(x - 1, 0); i < min(x + 2, w); ++i) {
            subject = subject && cells(3, j, i) > 0.f;
            screen = screen && cells(7, j, i) > 0.f;
        }
    out(6, y, x) = screen ? 0.f : (subject || near(0, y, x) == 0.f ? 1.f : 2.f);
}

template <typename P>
static __device__ __forceinline__ float between(P colours, int p, int j0, int j1, float v, int i0, int i1, float u) {
    float above = colours(p, j0, i0) + (colours(p, j0, i1) - colours(p, j0, i0)) * u;
    float below = colours(p, j1, i0) + (colours(p, j1, i1) - colours(p, j1, i0)) * u;
    return above + (below - above) * v;
}
static __device__ __forceinline__ float own(float v, float f, float k, float a) {
    float known = a * (1.f / THIN);
    known = known < 1.f ? known : 1.f;
    return f + ((v - (1.f - a) * k) / (a > THIN ? a : THIN) - f) * known;
}

KERNEL(unmix) {
    float v = ((float)y + 0.5f) * (1.f / CELL) - 0.5f, u = ((float)x + 0.5f) * (1.f / CELL) - 0.5f;
    v = fminf(fmaxf(v, 0.f), (float)(m - 1));
    u = fminf(fmaxf(u, 0.f), (float)(n - 1));
    int j0 = (int)v, i0 = (int)u, j1 = min(j0 + 1, m - 1), i1 = min(i0 + 1, n - 1);
    v -= (float)j0;
    u -= (float)i0;
    float r = image(y, x, 0), g = image(y, x, 1), b = image(y, x, 2);
    float red = between(colours, 3, j0, j1, v, i0, i1, u);
    float green = between(colours, 4, j0, j1, v, i0, i1, u);
    float blue = between(colours, 5, j0, j1, v, i0, i1, u);
    float kb = blue_chroma(red, green, blue), kr = red_chroma(red, green, blue);
    float norm = 1.f / (kb * kb + kr * kr);
    float a = colours(6, y / CELL, x / CELL);
    if (a == 2.f) {
        float fr = between(colours, 0, j0, j1, v, i0, i1, u);
        float fg = between(colours, 1, j0, j1, v, i0, i1, u);
        float fb = between(colours, 2, j0, j1, v, i0, i1, u);
        float here = 1.f - (blue_chroma(r, g, b) * kb + red_chroma(r, g, b) * kr) * norm;
        float pure = 1.f - (blue_chroma(fr, fg, fb) * kb + red_chroma(fr, fg, fb) * kr) * norm;
        a = here / (pure > LEAST ? pure : LEAST);
        a = a > 0.f ? (a < 1.f ? a : 1.f) : 0.f;
        r = own(r, fr, red, a);
        g = own(g, fg, green, a);
        b = own(b, fb, blue, a);
    }
    alpha(y, x) = a;
    float cb = blue_chroma(r, g, b), cr = red_chroma(r, g, b);
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
