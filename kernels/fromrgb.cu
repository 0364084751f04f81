// CUDA bodies of fromrgb.py.
static __device__ __forceinline__ unsigned char luma(int red, int green, int blue, int r, int g, int b, int bias) {
    return (unsigned char)((red * r + green * g + blue * b + bias) >> 15);
}

static __device__ __forceinline__ unsigned char tint(int red, int green, int blue, int r, int g, int b) {
    return (unsigned char)min((red * r + green * g + blue * b + 8421376) >> 16, 255);
}

struct Block {  // the sum of four pixels, whose luma is written on the way
    int red = 0, green = 0, blue = 0;
    __device__ Block(const View<const unsigned char, 3>& image, const View<unsigned char, 2>& y, int j, int i,
                     int height, int width, int r, int g, int b, int bias) {
        for (int n = 0; n < 4; ++n) {
            int v = min(2 * j + n / 2, height - 1), x = min(2 * i + n % 2, width - 1);
            int p = image(v, x, 0), q = image(v, x, 1), s = image(v, x, 2);
            y(v, x) = luma(p, q, s, r, g, b, bias);
            red += p, green += q, blue += s;
        }
    }
};

KERNEL(rgb_i420) {
    for (int i = run * step; i < min(run * step + step, (width + 1) / 2); ++i) {
        Block sum(image, y, j, i, height, width, r, g, b, bias);
        u(j, i) = tint(sum.red, sum.green, sum.blue, ur, ug, ub);
        v(j, i) = tint(sum.red, sum.green, sum.blue, vr, vg, vb);
    }
}

KERNEL(rgb_nv12) {
    for (int i = run * step; i < min(run * step + step, (width + 1) / 2); ++i) {
        Block sum(image, y, j, i, height, width, r, g, b, bias);
        uv(j, i, 0) = tint(sum.red, sum.green, sum.blue, ur, ug, ub);
        uv(j, i, 1) = tint(sum.red, sum.green, sum.blue, vr, vg, vb);
    }
}
