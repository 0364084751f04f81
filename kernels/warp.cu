// Pictures, labels and mattes moved by an affine map; see warp.py.
static __device__ __forceinline__ float place(int x, int y, float across, float down, float start) {
    return across * (float(x) + 0.5f) + down * (float(y) + 0.5f) + (start - 0.5f);
}
static __device__ __forceinline__ float within(float v, int n) { return fminf(fmaxf(v, 0.f), float(n - 1)); }
static __device__ __forceinline__ bool outside(float v, int n) { return v < -0.5f || v > float(n) - 0.5f; }
static __device__ __forceinline__ int fixed(float v) { return int(v * 256.f + 0.5f); }
static __device__ __forceinline__ unsigned char blend(int p, int q, int r, int s, int u, int v) {
    int upper = p * 256 + (q - p) * u, lower = r * 256 + (s - r) * u;
    return (unsigned char)((upper * 256 + (lower - upper) * v + 32768) >> 16);
}

KERNEL(shift_picture) {
    int v = fixed(within(float(y) + f, h)), j = v >> 8, below = min(j + 1, h - 1);
    int start = s * span, n = min(span, w - start);
    float u0 = float(start) + c;
    bool whole = u0 >= 0.f && u0 + float(n) < float(w) - 0.01f;
    for (int x = 0; x < n; ++x) {
        int u = whole ? fixed(u0) + 256 * x : fixed(within(u0 + float(x), w));
        int i = u >> 8, right = min(i + 1, w - 1);
        for (int k = 0; k < 3; ++k)
            out(y, start + x, k) = blend(
                image(j, i, k), image(j, right, k), image(below, i, k), image(below, right, k), u & 255, v & 255);
    }
}

KERNEL(move_picture) {
    int u = fixed(within(place(x, y, a, b, c), w)), v = fixed(within(place(x, y, d, e, f), h));
    int i = u >> 8, j = v >> 8, right = min(i + 1, w - 1), below = min(j + 1, h - 1);
    for (int k = 0; k < 3; ++k)
        out(y, x, k) = blend(
            image(j, i, k), image(j, right, k), image(below, i, k), image(below, right, k), u & 255, v & 255);
}

KERNEL(reveal) {
    for (int x = s * span; x < min(s * span + span, w); ++x)
        if (outside(place(x, y, a, b, c), w) || outside(place(x, y, d, e, f), h))
            for (int k = 0; k < 3; ++k) out(y, x, k) = beyond(y, x, k);
}

KERNEL(move_matte) {
    float u = within(place(x, y, a, b, c), w), v = within(place(x, y, d, e, f), h);
    int i = int(u), j = int(v), right = min(i + 1, w - 1), below = min(j + 1, h - 1);
    float upper = matte(j, i) + (matte(j, right) - matte(j, i)) * (u - float(i));
    float lower = matte(below, i) + (matte(below, right) - matte(below, i)) * (u - float(i));
    out(y, x) = upper + (lower - upper) * (v - float(j));
}

KERNEL(move_label) {
    int i = int(within(place(x, y, a, b, c), w) + 0.5f), j = int(within(place(x, y, d, e, f), h) + 0.5f);
    out(y, x) = label(j, i);
}
