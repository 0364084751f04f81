// A turned square of a picture as a network wants it; see crop.py.
static __device__ __forceinline__ float place(int x, int y, float across, float down, float start) {
    return across * (float(x) + 0.5f) + down * (float(y) + 0.5f) + (start - 0.5f);
}
static __device__ __forceinline__ float within(float v, int n) { return fminf(fmaxf(v, 0.f), float(n - 1)); }
static __device__ __forceinline__ bool outside(float v, int n) { return v < -0.5f || v > float(n) - 0.5f; }
static __device__ __forceinline__ int fixed(float v) { return int(v * 256.f + 0.5f); }
static __device__ __forceinline__ int blend(int p, int q, int r, int s, int u, int v) {
    int upper = p * 256 + (q - p) * u, lower = r * 256 + (s - r) * u;
    return (upper * 256 + (lower - upper) * v + 32768) >> 16;
}

KERNEL(sample) {
    float u0 = place(x, y, a, b, c), v0 = place(x, y, d, e, f);
    if (black == 1 && (outside(u0, w) || outside(v0, h))) {
        for (int k = 0; k < 3; ++k) out(y, x, k) = start;
        return;
    }
    int u = fixed(within(u0, w)), v = fixed(within(v0, h));
    int i = u >> 8, j = v >> 8, right = min(i + 1, w - 1), below = min(j + 1, h - 1);
    for (int k = 0; k < 3; ++k)
        out(y, x, k) = float(blend(image(j, i, k), image(j, right, k), image(below, i, k), image(below, right, k),
                                   u & 255, v & 255)) * scale + start;
}
