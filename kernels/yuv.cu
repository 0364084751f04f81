// CUDA bodies of yuv.py.
static __device__ __forceinline__ unsigned char byte(float v) {
    return (unsigned char)min(max((int)(v + 0.5f), 0), 255);
}

static __device__ __forceinline__ float block(const View<const unsigned char, 3>& image, int j, int i, int c, int h, int w) {
    int below = min(2 * j + 1, h - 1), right = min(2 * i + 1, w - 1);
    return (float)image(2 * j, 2 * i, c) + (float)image(2 * j, right, c) + (float)image(below, 2 * i, c)
        + (float)image(below, right, c);
}

KERNEL(i420_rgb) {
    float luma = (y(j, i) - black) * gain;
    float cb = u(j >> 1, i >> 1) - 128.f;
    float cr = v(j >> 1, i >> 1) - 128.f;
    out(j, i, 0) = byte(luma + red * cr);
    out(j, i, 1) = byte(luma + green_u * cb + green_v * cr);
    out(j, i, 2) = byte(luma + blue * cb);
}

KERNEL(nv12_rgb) {
    float luma = (y(j, i) - black) * gain;
    float cb = uv(j >> 1, i >> 1, 0) - 128.f;
    float cr = uv(j >> 1, i >> 1, 1) - 128.f;
    out(j, i, 0) = byte(luma + red * cr);
    out(j, i, 1) = byte(luma + green_u * cb + green_v * cr);
    out(j, i, 2) = byte(luma + blue * cb);
}

KERNEL(rgb_luma) {
    y(j, i) = byte(black + r * image(j, i, 0) + g * image(j, i, 1) + b * image(j, i, 2));
}

KERNEL(rgb_i420) {
    for (int i = run * step; i < min(run * step + step, (width + 1) / 2); ++i) {
        float r = block(image, j, i, 0, height, width);
        float g = block(image, j, i, 1, height, width);
        float b = block(image, j, i, 2, height, width);
        u(j, i) = byte(ur * r + ug * g + ub * b + 128.f);
        v(j, i) = byte(vr * r + vg * g + vb * b + 128.f);
    }
}

KERNEL(rgb_nv12) {
    for (int i = run * step; i < min(run * step + step, (width + 1) / 2); ++i) {
        float r = block(image, j, i, 0, height, width);
        float g = block(image, j, i, 1, height, width);
        float b = block(image, j, i, 2, height, width);
        uv(j, i, 0) = byte(ur * r + ug * g + ub * b + 128.f);
        uv(j, i, 1) = byte(vr * r + vg * g + vb * b + 128.f);
    }
}

KERNEL(i420_nv12) {
    uv(j, i, 0) = u(j, i);
    uv(j, i, 1) = v(j, i);
}

KERNEL(nv12_i420) {
    u(j, i) = uv(j, i, 0);
    v(j, i) = uv(j, i, 1);
}
