// CUDA bodies of lerp.py.
static __device__ __forceinline__ float place(int y, float scale, int limit) {
    return fminf(fmaxf((y + 0.5f) * scale - 0.5f, 0.f), (float)(limit - 1));
}

static __device__ __forceinline__ int weight(float v, int j) { return (int)((v - j) * 32768.f); }

static __device__ __forceinline__ int down(int a, int b, int t) { return a * 64 + ((b - a) * 128 * t >> 16); }

static __device__ __forceinline__ unsigned char across(int p, int q, int t) {
    return (unsigned char)((p + ((q - p) * 2 * t >> 16) + 32) >> 6);
}

static __device__ __forceinline__ float between(float a, float b, float t) { return a * (1.f - t) + b * t; }

struct Corner {  // the upper left of the four neighbours of a pixel, and the lower right
    float v, u;
    int j, i, below, right;
    __device__ Corner(int y, int x, int height, int width, float sy, float sx)
        : v(place(y, sy, height)), u(place(x, sx, width)), j((int)v), i((int)u),
          below(min(j + 1, height - 1)), right(min(i + 1, width - 1)) {}
    template <typename Pixel> __device__ unsigned char byte(Pixel pixel) const {
        int p = down(pixel(j, i), pixel(below, i), weight(v, j));
        int q = down(pixel(j, right), pixel(below, right), weight(v, j));
        return across(p, q, weight(u, i));
    }
};

KERNEL(numbers) {
    Corner at(y, x, height, width, sy, sx);
    float upper = between(src(at.j, at.i), src(at.j, at.right), at.u - at.i);
    float lower = between(src(at.below, at.i), src(at.below, at.right), at.u - at.i);
    out(y, x) = fminf(fmaxf(between(upper, lower, at.v - at.j), least), most);
}

KERNEL(pixels) {
    Corner at(y, x, height, width, sy, sx);
    for (int c = 0; c < 3; ++c) out(y, x, c) = at.byte([&](int j, int i) { return (int)src(j, i, c); });
}

KERNEL(rows) {
    for (int y = band * 16; y < min(band * 16 + 16, oh); ++y) {
        for (int x = 0; x < ow; ++x) {
            Corner at(y, x, height, width, sy, sx);
            for (int c = 0; c < 3; ++c) out(y, x, c) = at.byte([&](int j, int i) { return (int)src(j, 3 * i + c); });
        }
    }
}
