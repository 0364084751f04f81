// Compositing into NV12; see overyuv.py. The helpers repeat those of over.cu and yuv.cu.
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ int share(float a) { return (int)(a * 4194304.f + 0.5f); }
static __device__ __forceinline__ unsigned char mix(int back, int front, int a) {
    return (unsigned char)(back + (((front - back) * a + 2097152) >> 22));
}
static __device__ __forceinline__ unsigned char byte(float v) {
    return (unsigned char)min(max((int)(v + 0.5f), 0), 255);
}

KERNEL(over_blocks) {
    float red = 0.f, green = 0.f, blue = 0.f;
    for (int n = 0; n < 4; ++n) {
        int v = min(2 * j + n / 2, height - 1), x = min(2 * i + n % 2, width - 1);
        int a = share(weight(alpha(v, x)));
        float p = mix(background(v, x, 0), image(v, x, 0), a);
        float q = mix(background(v, x, 1), image(v, x, 1), a);
        float s = mix(background(v, x, 2), image(v, x, 2), a);
        y(v, x) = byte(black + r * p + g * q + b * s);
        red += p, green += q, blue += s;
    }
    uv(j, i, 0) = byte(ur * red + ug * green + ub * blue + 128.f);
    uv(j, i, 1) = byte(vr * red + vg * green + vb * blue + 128.f);
}
