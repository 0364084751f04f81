// Compositing into NV12; see overyuv.py. The helpers repeat those of over.cu and fromrgb.cu.
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ int share(float a) { return (int)(a * 4194304.f + 0.5f); }
static __device__ __forceinline__ unsigned char mix(int back, int front, int a) {
    return (unsigned char)(back + (((front - back) * a + 2097152) >> 22));
}
static __device__ __forceinline__ unsigned char luma(int red, int green, int blue, int r, int g, int b, int bias) {
    return (unsigned char)((red * r + green * g + blue * b + bias) >> 15);
}
static __device__ __forceinline__ unsigned char tint(int red, int green, int blue, int r, int g, int b) {
    return (unsigned char)min((red * r + green * g + blue * b + 8421376) >> 16, 255);
}

KERNEL(over_blocks) {
    int red = 0, green = 0, blue = 0;
    for (int n = 0; n < 4; ++n) {
        int v = min(2 * j + n / 2, height - 1), x = min(2 * i + n % 2, width - 1);
        int a = share(weight(alpha(v, x)));
        int p = mix(background(v, x, 0), image(v, x, 0), a);
        int q = mix(background(v, x, 1), image(v, x, 1), a);
        int s = mix(background(v, x, 2), image(v, x, 2), a);
        y(v, x) = luma(p, q, s, r, g, b, bias);
        red += p, green += q, blue += s;
    }
    uv(j, i, 0) = tint(red, green, blue, ur, ug, ub);
    uv(j, i, 1) = tint(red, green, blue, vr, vg, vb);
}
