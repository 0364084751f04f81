// Copies of the subject laid over a picture; see duplicate.py, whose functions these repeat.
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ float taken(float a) { return weight(8.f * a); }
static __device__ __forceinline__ int share(float a) { return (int)(a * 4194304.f + 0.5f); }
static __device__ __forceinline__ unsigned char mix(int back, int front, int a) {
    return (unsigned char)(back + (((front - back) * a + 2097152) >> 22));
}
static __device__ __forceinline__ unsigned char over(int back, int front, int a) {
    int t = back * a + 128;
    return (unsigned char)min(front + back - ((t + (t >> 8)) >> 8), 255);
}
static __device__ __forceinline__ int between(int p, int q, int r, int s, int u, int v) {
    int upper = p * 256 + (q - p) * u, lower = r * 256 + (s - r) * u;
    return (upper * 256 + (lower - upper) * v + 32768) >> 16;
}

KERNEL(lay) {
    for (int x = s * span; x < min(s * span + span, n); ++x) {
        int i = start + step * x, a = layer(y, i, 3);
        if (a > 0)
            for (int c = 0; c < 3; ++c) out(y, x, c) = over(out(y, x, c), layer(y, i, c), a);
    }
}

KERNEL(lay_scaled) {
    int u = (int)(fminf(fmaxf(across * float(x) + left, 0.f), float(w - 1)) * 256.f + 0.5f);
    int v = (int)(fminf(fmaxf(down * float(y) + top, 0.f), float(h - 1)) * 256.f + 0.5f);
    int i = u >> 8, j = v >> 8, e = min(i + 1, w - 1), f = min(j + 1, h - 1);
    u &= 255;
    v &= 255;
    if (layer(j, i, 3) + layer(j, e, 3) + layer(f, i, 3) + layer(f, e, 3) > 0) {
        int a = between(layer(j, i, 3), layer(j, e, 3), layer(f, i, 3), layer(f, e, 3), u, v);
        for (int c = 0; c < 3; ++c) {
            int front = between(layer(j, i, c), layer(j, e, c), layer(f, i, c), layer(f, e, c), u, v);
            out(y, x, c) = over(out(y, x, c), front, a);
        }
    }
}

KERNEL(narrow) { out(y, x) = fminf(weight(alpha(y, x)), weight(2.f * mean(y, x) - 1.f)); }

KERNEL(vacate) {
    int a = share(taken(alpha(y, x)));
    for (int c = 0; c < 3; ++c) out(y, x, c) = mix(image(y, x, c), plate(y, x, c), a);
}

KERNEL(uncover) {
    int a = share(taken(alpha(y, x))), rest = 4194304 - share(weight(alpha(y, x)));
    for (int c = 0; c < 3; ++c) {
        int scene = mix(image(y, x, c), plate(y, x, c), a);
        int more = ((out(y, x, c) - scene) * rest + 2097152) >> 22;
        out(y, x, c) = (unsigned char)min(max(image(y, x, c) + more, 0), 255);
    }
}
