// CUDA bodies of yuv.py.
static __device__ __forceinline__ int bright(int y, int gain) { return (y * gain) >> 2; }

static __device__ __forceinline__ int tinge(int u, int v, int by_u, int by_v, int less) {
    return (((u - 128) * by_u + (v - 128) * by_v + 256) >> 9) - less;
}

static __device__ __forceinline__ unsigned char level(int luma, int chroma) {
    return (unsigned char)min(max((luma + chroma) >> 5, 0), 255);
}

struct Chroma {  // of one pair: what it adds to its pixels
    int red, green, blue;
    __device__ Chroma(int u, int v, int less, int by_red, int green_u, int green_v, int by_blue)
        : red(tinge(128, v, 0, by_red, less)), green(tinge(u, v, green_u, green_v, less)),
          blue(tinge(u, 128, by_blue, 0, less)) {}
    __device__ void paint(const View<const unsigned char, 2>& y, const View<unsigned char, 3>& out, int j, int i,
                          int height, int width, int gain) const {
        for (int v = 2 * j; v < min(2 * j + 2, height); ++v) {
            for (int x = 2 * i; x < min(2 * i + 2, width); ++x) {
                int luma = bright(y(v, x), gain);
                out(v, x, 0) = level(luma, red);
                out(v, x, 1) = level(luma, green);
                out(v, x, 2) = level(luma, blue);
            }
        }
    }
};

KERNEL(i420_rgb) {
    for (int i = run * step; i < min(run * step + step, (width + 1) / 2); ++i) {
        Chroma(u(j, i), v(j, i), less, red, green_u, green_v, blue).paint(y, out, j, i, height, width, gain);
    }
}

KERNEL(nv12_rgb) {
    for (int i = run * step; i < min(run * step + step, (width + 1) / 2); ++i) {
        Chroma(uv(j, i, 0), uv(j, i, 1), less, red, green_u, green_v, blue).paint(y, out, j, i, height, width, gain);
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
