// CUDA bodies of turn.py.
static __device__ __forceinline__ float byte(float v) { return fminf(fmaxf(v, 0.f), 255.f); }

KERNEL(turn) {
    for (int i = 0; i < 8; ++i) {
        for (int x = 0; x < n; ++x) out(band, x, i) = src(min(8 * band + i, m - 1), x);
    }
}

KERNEL(along) {
    for (int x = 0; x < n; ++x) {
        for (int i = 0; i < 24; ++i) {
            float sum = 0.f;
            for (int j = 0; j < taps; j += 4) {
                int at = max(first(x, 0) + j, 0);
                float p = weight(x, j) * src(band, min(at, w - 1), i);
                float q = weight(x, j + 1) * src(band, min(at + 1, w - 1), i);
                float r = weight(x, j + 2) * src(band, min(at + 2, w - 1), i);
                float s = weight(x, j + 3) * src(band, min(at + 3, w - 1), i);
                sum += (p + q) + (r + s);
            }
            out(band, x, i) = sum;
        }
    }
}

KERNEL(to_planes) {
    out(0, y, x) = byte(src(y >> 3, x, 0, y & 7)) * r_scale + r_shift;
    out(1, y, x) = byte(src(y >> 3, x, 1, y & 7)) * g_scale + g_shift;
    out(2, y, x) = byte(src(y >> 3, x, 2, y & 7)) * b_scale + b_shift;
}

KERNEL(to_pixels) {
    out(y, x, 0) = byte(src(y >> 3, x, 0, y & 7)) * r_scale + r_shift;
    out(y, x, 1) = byte(src(y >> 3, x, 1, y & 7)) * g_scale + g_shift;
    out(y, x, 2) = byte(src(y >> 3, x, 2, y & 7)) * b_scale + b_shift;
}
