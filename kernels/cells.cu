// Means of cells, a row of cells at a time; see cells.py, and blur.cu for `clear`.
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ float clear(float a) {
    float sure = 1.f - 8.f * a;
    return (sure > 0.f ? sure : 0.f) + 1e-20f * (1.f - a);
}

KERNEL(weighted) {
    int top = y * k, bottom = min(top + k, h);
    for (int x = 0; x < w; ++x)
        for (int c = 0; c < 4; ++c) columns(y, x, c) = 0.f;
    for (int j = top; j < bottom; ++j)
        for (int x = 0; x < w; ++x) {
            float a = clear(weight(alpha(j, x)));
            for (int c = 0; c < 4; ++c) columns(y, x, c) += c < 3 ? float(image(j, x, min(c, 2))) * a : a;
        }
    for (int cell = 0; cell < n; ++cell) {
        int first = cell * k, last = min(first + k, w);
        float mean = 1.f / float((bottom - top) * (last - first));
        for (int c = 0; c < 4; ++c) {
            float total = 0.f;
            for (int x = first; x < last; ++x) total += columns(y, x, c);
            out(y, cell, c) = total * mean;
        }
    }
}

KERNEL(plain) {
    int top = y * k, bottom = min(top + k, h);
    for (int i = 0; i < length; ++i) {
        int total = 0;
        for (int j = top; j < bottom; ++j) total += image(j, i);
        columns(y, i) = total;
    }
    for (int cell = 0; cell < n; ++cell) {
        int first = cell * k, last = min(first + k, length / 3);
        float mean = 1.f / float((bottom - top) * (last - first));
        for (int c = 0; c < 3; ++c) {
            int total = 0;
            for (int x = first; x < last; ++x) total += columns(y, 3 * x + c);
            out(y, cell, c) = float(total) * mean;
        }
        out(y, cell, 3) = 1.f;
    }
}
