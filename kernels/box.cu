// Means over square windows; see box.py.
static __device__ __forceinline__ int window(int i, int r, int n) { return min(i + r, n - 1) - max(i - r, 0) + 1; }

KERNEL(sum_columns) {
    int i = job / blocks;
    int x0 = (job % blocks) * step, x1 = min(x0 + step, w);
    for (int x = x0; x < x1; ++x) {
        float total = source(i, 0, x);
        for (int y = 1; y <= min(r, h - 1); ++y) total += source(i, y, x);
        out(i, 0, x) = total;
        for (int y = 1; y < h; ++y) {
            float comes = source(i, min(y + r, h - 1), x), goes = source(i, max(y - r - 1, 0), x);
            total += comes * (y + r < h ? 1.f : 0.f) - goes * (y - r > 0 ? 1.f : 0.f);
            out(i, y, x) = total;
        }
    }
}

KERNEL(mean_rows) {
    for (int row = 4 * group; row < min(4 * group + 4, rows); ++row) {
        float tall = 1.f / float(window(row % h, r, h)), total = 0.f;
        for (int x = 0; x < min(r, w); ++x) total += source(row, x);
        for (int x = 0; x < w; ++x) {
            float comes = x + r < w ? source(row, x + r) : 0.f, goes = x - r > 0 ? source(row, x - r - 1) : 0.f;
            total += comes - goes;
            out(row, x) = total * (tall * (1.f / float(window(x, r, w))));
        }
    }
}

KERNEL(mean_along) {
    float total = 0.f;
    for (int j = max(y - r * dy, 0); j <= min(y + r * dy, h - 1); ++j)
        for (int i = max(x - r * dx, 0); i <= min(x + r * dx, w - 1); ++i) total += source(p, j, i);
    out(p, y, x) = total / float(window(y, r * dy, h) * window(x, r * dx, w));
}

KERNEL(mean_near) {
    float total = 0.f;
    for (int j = max(y - r, 0); j <= min(y + r, h - 1); ++j)
        for (int i = max(x - r, 0); i <= min(x + r, w - 1); ++i) total += source(p, j, i);
    out(p, y, x) = total / float(window(y, r, h) * window(x, r, w));
}
