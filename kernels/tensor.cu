// CUDA bodies of tensor.py.
static __device__ __forceinline__ float cubic(float x) {
    x = fabsf(x);
    float near = (1.5f * x - 2.5f) * x * x + 1.f;
    float far = ((2.5f - 0.5f * x) * x - 4.f) * x + 2.f;
    return x < 1.f ? near : x < 2.f ? far : 0.f;
}

static __device__ __forceinline__ int tinge(int u, int v, int by_u, int by_v, int less) {
    return (((u - 128) * by_u + (v - 128) * by_v + 256) >> 9) - less;
}

static __device__ __forceinline__ float level(int luma, int chroma) {
    return (float)min(max((luma + chroma) >> 5, 0), 255);
}

static __device__ __forceinline__ float byte(float v) { return fminf(fmaxf(v, 0.f), 255.f); }

struct Colour {  // the weighted sum of the pixels of row y under pixel x
    float r = 0.f, g = 0.f, b = 0.f;
    __device__ Colour(const View<const float, 3>& src, int y, const View<const int, 2>& first,
                      const View<const float, 2>& weight, int x, int w, int taps) {
        for (int j = 0; j < taps; ++j) {
            int at = min(max(first(x, 0) + j, 0), w - 1);
            float v = weight(x, j);
            r += v * src(y, at, 0);
            g += v * src(y, at, 1);
            b += v * src(y, at, 2);
        }
        r = byte(r), g = byte(g), b = byte(b);
    }
};

KERNEL(weigh) {
    float centre = (i + 0.5f) * scale;
    int start = (int)fmaxf(centre - 2.f * stretch + 0.5f, 0.f);
    float total = 0.f;
    for (int j = 0; j < taps; ++j) {
        float w = start + j < size ? cubic((start + j + 0.5f - centre) / stretch) : 0.f;
        weight(i, j) = w;
        total += w;
    }
    for (int j = 0; j < taps; ++j) weight(i, j) /= total;
    first(i, 0) = start;
}

KERNEL(columns) {
    float sum = 0.f;
    for (int j = 0; j < taps; j += 4) {
        int at = first(y, 0) + j;
        float a = weight(y, j) * src(min(at, h - 1), x), b = weight(y, j + 1) * src(min(at + 1, h - 1), x);
        float c = weight(y, j + 2) * src(min(at + 2, h - 1), x), d = weight(y, j + 3) * src(min(at + 3, h - 1), x);
        sum += (a + b) + (c + d);
    }
    out(y, x) = sum;
}

KERNEL(columns_nv12) {
    float r = 0.f, g = 0.f, b = 0.f;
    for (int j = 0; j < taps; ++j) {
        int at = min(first(y, 0) + j, h - 1);
        float v = weight(y, j);
        int grey = (luma(at, x) * gain) >> 2, cb = uv(at >> 1, x >> 1, 0), cr = uv(at >> 1, x >> 1, 1);
        r += v * level(grey, tinge(128, cr, 0, red, less));
        g += v * level(grey, tinge(cb, cr, green_u, green_v, less));
        b += v * level(grey, tinge(cb, 128, blue, 0, less));
    }
    out(y, x, 0) = r;
    out(y, x, 1) = g;
    out(y, x, 2) = b;
}

KERNEL(planes) {
    Colour sum(src, y, first, weight, x, w, taps);
    out(0, y, x) = sum.r * r_scale + r_shift;
    out(1, y, x) = sum.g * g_scale + g_shift;
    out(2, y, x) = sum.b * b_scale + b_shift;
}

KERNEL(pixels) {
    Colour sum(src, y, first, weight, x, w, taps);
    out(y, x, 0) = sum.r * r_scale + r_shift;
    out(y, x, 1) = sum.g * g_scale + g_shift;
    out(y, x, 2) = sum.b * b_scale + b_shift;
}

KERNEL(of_planes) {
    float v = answer(channel, y, x), total = activation == 1 ? 1.f + expf(-v) : 0.f;
    if (activation == 2) {
        for (int c = 0; c < count; ++c) total += expf(answer(c, y, x) - v);
    }
    out(y, x) = activation == 0 ? v : 1.f / total;
}

KERNEL(of_pixels) {
    float v = answer(y, x, channel), total = activation == 1 ? 1.f + expf(-v) : 0.f;
    if (activation == 2) {
        for (int c = 0; c < count; ++c) total += expf(answer(y, x, c) - v);
    }
    out(y, x) = activation == 0 ? v : 1.f / total;
}
