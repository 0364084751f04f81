// Compositing in linear light; see linear.py. The first three helpers repeat those of over.py.
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ int share(float a) { return (int)(a * 4194304.f + 0.5f); }
static __device__ __forceinline__ unsigned char mix(int back, int front, int a) {
    return (unsigned char)(back + (((front - back) * a + 2097152) >> 22));
}
static __device__ __forceinline__ int nearest(const View<const float, 1>& light, float v) {
    int low = 0;
    for (int half = 128; half > 0; half /= 2)
        if (light(low + half) <= v) low += half;
    int high = min(low + 1, 255);
    return v - light(low) > light(high) - v ? high : low;
}

KERNEL(over_linear) {
    float a = weight(alpha(y, x));
    int part = share(a);
    for (int c = 0; c < 3; ++c) {
        int back = background(y, x, c), front = image(y, x, c);
        unsigned char plain = mix(back, front, part);
        if (a > 0.f && a < 1.f) {
            int lit = nearest(light, light(back) + (light(front) - light(back)) * a);
            plain = mix(plain, lit, share(strength));
        }
        out(y, x, c) = plain;
    }
}
