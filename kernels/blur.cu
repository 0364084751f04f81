// Blur by way of a small picture; see blur.py, whose functions these repeat.
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ float clear(float a) {
    float sure = 1.f - 8.f * a;
    return (sure > 0.f ? sure : 0.f) + 1e-20f * (1.f - a);
}
static __device__ __forceinline__ int least(int a, int b) { return a < b ? a : b; }
static __device__ __forceinline__ float place(int i, int k, int n) {
    float v = ((float)i + 0.5f) / (float)k - 0.5f;
    v = v > 0.f ? v : 0.f;
    return v < (float)(n - 1) ? v : (float)(n - 1);
}

KERNEL(shrink_background) {
    float r = 0.f, g = 0.f, b = 0.f, s = 0.f;
    int y0 = y * k, x0 = x * k, y1 = least(y0 + k, h), x1 = least(x0 + k, w);
    for (int j = y0; j < y1; ++j)
        for (int i = x0; i < x1; ++i) {
            float a = clear(weight(alpha(j, i)));
            r += (float)image(j, i, 0) * a;
            g += (float)image(j, i, 1) * a;
            b += (float)image(j, i, 2) * a;
            s += a;
        }
    float n = 1.f / (float)((y1 - y0) * (x1 - x0));
    out(y, x, 0) = r * n;
    out(y, x, 1) = g * n;
    out(y, x, 2) = b * n;
    out(y, x, 3) = s * n;
}

KERNEL(shrink_picture) {
    float r = 0.f, g = 0.f, b = 0.f;
    int y0 = y * k, x0 = x * k, y1 = least(y0 + k, h), x1 = least(x0 + k, w);
    for (int j = y0; j < y1; ++j)
        for (int i = x0; i < x1; ++i) {
            r += (float)image(j, i, 0);
            g += (float)image(j, i, 1);
            b += (float)image(j, i, 2);
        }
    float n = 1.f / (float)((y1 - y0) * (x1 - x0));
    out(y, x, 0) = r * n;
    out(y, x, 1) = g * n;
    out(y, x, 2) = b * n;
    out(y, x, 3) = 1.f;
}

KERNEL(gauss) {
    float a = source(y, x, 0), b = source(y, x, 1), c = source(y, x, 2), d = source(y, x, 3);
    float square = first * first, g = first, step = first * square;
    for (int r = 1; r <= least(reach, y * dy + x * dx); ++r) {
        a += g * source(y - r * dy, x - r * dx, 0);
        b += g * source(y - r * dy, x - r * dx, 1);
        c += g * source(y - r * dy, x - r * dx, 2);
        d += g * source(y - r * dy, x - r * dx, 3);
        g *= step;
        step *= square;
    }
    g = first, step = first * square;
    for (int r = 1; r <= least(reach, (h - 1 - y) * dy + (w - 1 - x) * dx); ++r) {
        a += g * source(y + r * dy, x + r * dx, 0);
        b += g * source(y + r * dy, x + r * dx, 1);
        c += g * source(y + r * dy, x + r * dx, 2);
        d += g * source(y + r * dy, x + r * dx, 3);
        g *= step;
        step *= square;
    }
    out(y, x, 0) = a * scale;
    out(y, x, 1) = b * scale;
    out(y, x, 2) = c * scale;
    out(y, x, 3) = d * scale;
}

KERNEL(push) {
    int y0 = y * tall, x0 = x * wide, y1 = least(y0 + tall, h), x1 = least(x0 + wide, w);
    float n = 1.f / (float)((y1 - y0) * (x1 - x0));
    for (int c = 0; c < 4; ++c) {
        float s = 0.f;
        for (int j = y0; j < y1; ++j)
            for (int i = x0; i < x1; ++i) s += fine(j, i, c);
        coarse(y, x, c) = s * n;
    }
}

KERNEL(pull) {
    float v = place(y, k, m), u = place(x, k, n);
    int j = (int)v, i = (int)u, j1 = least(j + 1, m - 1), i1 = least(i + 1, n - 1);
    v -= (float)j, u -= (float)i;
    for (int c = 0; c < 4; ++c) {
        float top = coarse(j, i, c) + (coarse(j, i1, c) - coarse(j, i, c)) * u;
        float low = coarse(j1, i, c) + (coarse(j1, i1, c) - coarse(j1, i, c)) * u;
        fine(y, x, c) += (top + (low - top) * v) * faint;
    }
}

KERNEL(widen) {
    float u = place(x, k, n);
    int i = (int)u, i1 = least(i + 1, n - 1);
    u -= (float)i;
    float s = source(y, i, 3), t = source(y, i1, 3);
    float p = s > 1e-32f ? (1.f - u) / s : 0.f, q = t > 1e-32f ? u / t : 0.f;
    for (int c = 0; c < 3; ++c) {
        float v = source(y, i, c) * p + source(y, i1, c) * q;
        v = v < 255.f ? v : 255.f;
        out(y, x, c) = (unsigned short)(int)(v * 128.f + 0.5f);
    }
}

KERNEL(heighten) {
    float v = place(y, k, m);
    int j = (int)v, j1 = least(j + 1, m - 1), t = (int)((v - (float)j) * 32768.f);
    for (int c = 0; c < 3; ++c) {
        int b = rows(j, x, c);
        b += ((rows(j1, x, c) - b) * t + 16384) >> 15;
        out(y, x, c) = (unsigned char)((b + 64) >> 7);
    }
}

KERNEL(heighten_under) {
    float v = place(y, k, m);
    int j = (int)v, j1 = least(j + 1, m - 1), t = (int)((v - (float)j) * 32768.f);
    int a = (int)(weight(alpha(y, x)) * 32768.f + 0.5f);
    for (int c = 0; c < 3; ++c) {
        int b = rows(j, x, c);
        b += ((rows(j1, x, c) - b) * t + 16384) >> 15;
        b += ((image(y, x, c) * 128 - b) * a + 16384) >> 15;
        out(y, x, c) = (unsigned char)((b + 64) >> 7);
    }
}
