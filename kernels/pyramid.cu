// The bodies of pyramid.py.
#define PAD 12

typedef View<unsigned short, 2> Picture;

static __device__ __forceinline__ unsigned short mean(int total, float scale) {
    return (unsigned short)int(float(total) * scale + 0.5f);
}

static __device__ __forceinline__ float share(int height, int width) { return 4.f / float(height * width); }

static __device__ __forceinline__ void widen(const Picture& out, int y, int m, int n) {
    for (int x = 0; x < PAD; ++x) {
        out(y + PAD, x) = out(y + PAD, PAD);
        out(y + PAD, PAD + n + x) = out(y + PAD, PAD + n - 1);
    }
    for (int j = 0; j < PAD; ++j) {
        for (int x = 0; x < n + 2 * PAD; ++x) {
            if (y == 0) out(j, x) = out(PAD, x);
            if (y == m - 1) out(PAD + m + j, x) = out(PAD + m - 1, x);
        }
    }
}

KERNEL(grey_pixel) {
    int top = min(min(max(y - PAD, 0), m - 1), (h - 1) / k) * k;
    int left = min(min(max(x - PAD, 0), n - 1), (w - 1) / k) * k;
    int bottom = min(top + k, h), right = min(left + k, w), total = 0;
    for (int j = top; j < bottom; ++j)
        for (int i = left; i < right; ++i) total += int(image(j, i, 0)) + 2 * int(image(j, i, 1)) + int(image(j, i, 2));
    out(y, x) = mean(total, share(bottom - top, right - left));
}

KERNEL(grey_row) {
    int top = min(y, (h - 1) / k) * k, bottom = min(top + k, h);
    for (int i = 0; i < 3 * w; ++i) {
        int total = 0;
        for (int j = top; j < bottom; ++j) total += samples(j, i);
        sums(y, i) = (unsigned short)total;
    }
    for (int x = 0; x < n; ++x) {
        int left = min(x, (w - 1) / k) * k, right = min(left + k, w), total = 0;
        for (int i = left; i < right; ++i)
            total += int(sums(y, 3 * i)) + 2 * int(sums(y, 3 * i + 1)) + int(sums(y, 3 * i + 2));
        out(y + PAD, x + PAD) = mean(total, share(bottom - top, right - left));
    }
    widen(out, y, m, n);
}

template <typename Source> static __device__ __forceinline__ unsigned short quarter(const Source& source, int j, int i) {
    int total = int(source(j, i)) + int(source(j, i + 1)) + int(source(j + 1, i)) + int(source(j + 1, i + 1));
    return (unsigned short)((total + 2) >> 2);
}

KERNEL(halve_pixel) {
    out(y, x) = quarter(source, PAD + 2 * min(max(y - PAD, 0), m - 1), PAD + 2 * min(max(x - PAD, 0), n - 1));
}

KERNEL(halve_row) {
    for (int x = 0; x < n; ++x) out(y + PAD, x + PAD) = quarter(source, PAD + 2 * y, PAD + 2 * x);
    widen(out, y, m, n);
}
