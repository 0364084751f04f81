// CUDA bodies of denoise.py.
static __device__ __forceinline__ float weight(float dr, float dg, float db, float precision) {
    float near = fmaxf(1.f - (dr * dr + dg * dg + db * db) * precision, 0.f);
    return near * near;
}

KERNEL(bilateral) {
    float r0 = image(y + 1, x + 1, 0), g0 = image(y + 1, x + 1, 1), b0 = image(y + 1, x + 1, 2);
    float r = 0.f, g = 0.f, b = 0.f, total = 0.f;
    for (int dy = 0; dy < 3; ++dy) {
        for (int dx = 0; dx < 3; ++dx) {
            float r1 = image(y + dy, x + dx, 0), g1 = image(y + dy, x + dx, 1), b1 = image(y + dy, x + dx, 2);
            float w = weight(r1 - r0, g1 - g0, b1 - b0, precision);
            r += w * r1;
            g += w * g1;
            b += w * b1;
            total += w;
        }
    }
    out(y + 1, x + 1, 0) = (unsigned char)(int)(r / total + 0.5f);
    out(y + 1, x + 1, 1) = (unsigned char)(int)(g / total + 0.5f);
    out(y + 1, x + 1, 2) = (unsigned char)(int)(b / total + 0.5f);
}
