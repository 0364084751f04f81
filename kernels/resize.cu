// CUDA bodies of resize.py.
static __device__ __forceinline__ float near(float centre, float reach) { return fmaxf(centre - reach, 0.f); }

static __device__ __forceinline__ float far(float centre, float reach, int limit) {
    return fminf(centre + reach, (float)limit);
}

static __device__ __forceinline__ float share(int j, float near, float far) {
    return fminf((float)(j + 1), far) - fmaxf((float)j, near);
}

static __device__ __forceinline__ unsigned char byte(float v) { return (unsigned char)(int)(v + 0.5f); }

static __device__ __forceinline__ int under(int y, float scale, int limit) {
    return min((int)((y + 0.5f) * scale), limit - 1);
}

template <typename T>
static __device__ __forceinline__ float mean_of(const View<T, 2>& src, float top, float bottom, float left, float right) {
    float total = 0.f;
    for (int j = (int)top; j < (int)ceilf(bottom); ++j) {
        float row = 0.f;
        for (int i = (int)left; i < (int)ceilf(right); ++i) row += share(i, left, right) * src(j, i);
        total += share(j, top, bottom) * row;
    }
    return total / ((bottom - top) * (right - left));
}

struct Box {  // the rectangle of the source under one pixel of the result
    float top, bottom, left, right;
    __device__ Box(int y, int x, int height, int width, float sy, float sx, float ry, float rx)
        : top(near((y + 0.5f) * sy, ry)), bottom(far((y + 0.5f) * sy, ry, height)),
          left(near((x + 0.5f) * sx, rx)), right(far((x + 0.5f) * sx, rx, width)) {}
    __device__ float area() const { return (bottom - top) * (right - left); }
};

struct Sum {  // weighted sums of three channels, column by column
    float r = 0.f, g = 0.f, b = 0.f;
    template <typename Pixel> __device__ Sum(Pixel pixel, const Box& box) {
        for (int i = (int)box.left; i < (int)ceilf(box.right); ++i) {
            float p = 0.f, q = 0.f, s = 0.f;
            for (int j = (int)box.top; j < (int)ceilf(box.bottom); ++j) {
                float wy = share(j, box.top, box.bottom);
                p += wy * pixel(j, i, 0);
                q += wy * pixel(j, i, 1);
                s += wy * pixel(j, i, 2);
            }
            float wx = share(i, box.left, box.right);
            r += wx * p;
            g += wx * q;
            b += wx * s;
        }
    }
};

KERNEL(box_u8) {
    Box box(y, x, height, width, sy, sx, ry, rx);
    out(y, x) = byte(mean_of(src, box.top, box.bottom, box.left, box.right));
}

KERNEL(box_f32) {
    Box box(y, x, height, width, sy, sx, ry, rx);
    out(y, x) = mean_of(src, box.top, box.bottom, box.left, box.right);
}

KERNEL(box_u8x3) {
    Box box(y, x, height, width, sy, sx, ry, rx);
    Sum sum(src, box);
    float n = box.area();
    out(y, x, 0) = byte(sum.r / n);
    out(y, x, 1) = byte(sum.g / n);
    out(y, x, 2) = byte(sum.b / n);
}

KERNEL(rows_u8x3) {
    auto pixel = [&](int j, int i, int c) { return src(j, 3 * i + c); };
    for (int x = 0; x < ow; ++x) {
        Box box(y, x, height, width, sy, sx, ry, rx);
        Sum sum(pixel, box);
        float n = box.area();
        out(y, x, 0) = byte(sum.r / n);
        out(y, x, 1) = byte(sum.g / n);
        out(y, x, 2) = byte(sum.b / n);
    }
}

KERNEL(box_u8x4) {
    Box box(y, x, height, width, sy, sx, ry, rx);
    float r = 0.f, g = 0.f, b = 0.f, a = 0.f;
    for (int j = (int)box.top; j < (int)ceilf(box.bottom); ++j) {
        float wy = share(j, box.top, box.bottom);
        for (int i = (int)box.left; i < (int)ceilf(box.right); ++i) {
            float w = wy * share(i, box.left, box.right) * src(j, i, 3);
            r += w * src(j, i, 0);
            g += w * src(j, i, 1);
            b += w * src(j, i, 2);
            a += w;
        }
    }
    float n = fmaxf(a, 1e-6f);
    out(y, x, 0) = byte(r / n);
    out(y, x, 1) = byte(g / n);
    out(y, x, 2) = byte(b / n);
    out(y, x, 3) = byte(a / box.area());
}

KERNEL(point_u8) {
    out(y, x) = src(under(y, sy, height), under(x, sx, width));
}

KERNEL(point_f32) {
    out(y, x) = src(under(y, sy, height), under(x, sx, width));
}

KERNEL(point_u8x3) {
    for (int c = 0; c < 3; ++c) out(y, x, c) = src(under(y, sy, height), under(x, sx, width), c);
}

KERNEL(point_u8x4) {
    for (int c = 0; c < 4; ++c) out(y, x, c) = src(under(y, sy, height), under(x, sx, width), c);
}
