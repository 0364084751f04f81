// Regression in the band of a matte's edge; see bandfit.py. One thread takes a row of tiles, as one core does.
constexpr int TILE = 8, FAR = 4, RUN = 128, SUMS = 13, ABOVE = 1, EDGE = 3;

static __device__ __forceinline__ int window(int i, int r, int n) { return min(i + r, n - 1) - max(i - r, 0) + 1; }

template <typename N>
static __device__ __forceinline__ int end_of(const N& near, int y, int x, int q) {
    bool here = near(y, x) == EDGE;
    while (x < q && (near(y, x) == EDGE) == here) ++x;
    return x;
}

template <typename N>
static __device__ __forceinline__ bool beside(const N& near, int y, int x, int p, int q) {
    bool some = false;
    for (int j = max(y - 1, 0); j < min(y + 2, p); ++j)
        for (int i = max(x - 1, 0); i < min(x + 2, q); ++i) some |= near(j, i) == EDGE;
    return some;
}

template <typename W, typename S>
static __device__ __forceinline__ void add_row(const W& work, int y, const S& source, int j, int x, int count,
                                               float sign) {
    for (int i = 0; i < count; ++i) {
        float r = source(j, 0, x + i), g = source(j, 1, x + i), b = source(j, 2, x + i), s = source(j, 3, x + i);
        float sr = sign * r, sg = sign * g, sb = sign * b, sp = sign * s;
        work(y, 0, i) += sr;
        work(y, 1, i) += sg;
        work(y, 2, i) += sb;
        work(y, 3, i) += sr * r;
        work(y, 4, i) += sr * g;
        work(y, 5, i) += sr * b;
        work(y, 6, i) += sg * g;
        work(y, 7, i) += sg * b;
        work(y, 8, i) += sb * b;
        work(y, 9, i) += sp;
        work(y, 10, i) += sp * r;
        work(y, 11, i) += sp * g;
        work(y, 12, i) += sp * b;
    }
}

// A sum over nine neighbours, of which those farther off than r weigh 0; `at` gives one of them.
template <typename A>
static __device__ __forceinline__ float across(const A& at, int i, int r) {
    float w2 = r > 1 ? 1.f : 0.f, w3 = r > 2 ? 1.f : 0.f, w4 = r > 3 ? 1.f : 0.f;
    float total = at(i + 4) + (at(i + 3) + at(i + 5)) + w2 * (at(i + 2) + at(i + 6));
    return total + w3 * (at(i + 1) + at(i + 7)) + w4 * (at(i) + at(i + 8));
}

KERNEL(regress) {
    int bottom = min(y * TILE + TILE, m);
    for (int tile = 0, end = 0; tile < q; tile = end) {
        end = end_of(near, y, tile, q);
        if (near(y, tile) != EDGE) {
            float flat = 0.5f + ((near(y, tile) == ABOVE ? 1.f : 0.f) - 0.5f) * slope;
            for (int x = tile; x < end; ++x)
                if (beside(near, y, x, p, q))
                    for (int j = y * TILE; j < bottom; ++j)
                        for (int i = FAR + x * TILE; i < FAR + x * TILE + TILE; ++i) {
                            out(j, 0, i) = out(j, 1, i) = out(j, 2, i) = 0.f;
                            out(j, 3, i) = flat;
                        }
            continue;
        }
        end = min(end, tile + RUN / TILE);
        int x = tile * TILE, count = (end - tile) * TILE;
        for (int j = y * TILE; j < bottom; ++j) {
            if (j == y * TILE) {
                for (int c = 0; c < SUMS; ++c)
                    for (int i = 0; i < count + 2 * FAR; ++i) work(y, c, i) = 0.f;
                for (int row = max(j - r, 0); row < min(j + r, m); ++row)
                    add_row(work, y, source, row, x, count + 2 * FAR, 1.f);
            } else if (j - r - 1 >= 0) {
                add_row(work, y, source, j - r - 1, x, count + 2 * FAR, -1.f);
            }
            if (j + r < m) add_row(work, y, source, j + r, x, count + 2 * FAR, 1.f);
            int tall = window(j, r, m);
            for (int i = 0; i < count; ++i) {
                float v = 1.f / float(tall * max(window(x + i, r, n), 1));
                auto mean = [&](int c) { return across([&](int at) { return work(y, c, at); }, i, r) * v; };
                float red = mean(0), green = mean(1), blue = mean(2), alpha = mean(9);
                float rr = mean(3) - red * red + eps, rg = mean(4) - red * green, rb = mean(5) - red * blue;
                float gg = mean(6) - green * green + eps, gb = mean(7) - green * blue;
                float bb = mean(8) - blue * blue + eps;
                float pr = mean(10) - alpha * red, pg = mean(11) - alpha * green, pb = mean(12) - alpha * blue;
                float i0 = gg * bb - gb * gb, i1 = gb * rb - rg * bb, i2 = rg * gb - gg * rb;
                float i4 = rr * bb - rb * rb, i5 = rg * rb - rr * gb, i8 = rr * gg - rg * rg;
                float over = 1.f / (rr * i0 + rg * i1 + rb * i2);
                float ar = (i0 * pr + i1 * pg + i2 * pb) * over;
                float ag = (i1 * pr + i4 * pg + i5 * pb) * over;
                float ab = (i2 * pr + i5 * pg + i8 * pb) * over;
                work(y, SUMS, i) = ar * (slope * (1.f / 255.f));
                work(y, SUMS + 1, i) = ag * (slope * (1.f / 255.f));
                work(y, SUMS + 2, i) = ab * (slope * (1.f / 255.f));
                work(y, SUMS + 3, i) = (alpha - ar * red - ag * green - ab * blue - 0.5f) * slope + 0.5f;
            }
            for (int c = 0; c < 4; ++c)
                for (int i = 0; i < count; ++i) out(j, c, x + FAR + i) = work(y, SUMS + c, i);
        }
    }
    for (int j = y * TILE; j < bottom; ++j)
        for (int c = 0; c < 4; ++c) {
            for (int i = 0; i < FAR; ++i) out(j, c, i) = 0.f;
            for (int i = FAR + n; i < 2 * FAR + q * TILE; ++i) out(j, c, i) = 0.f;
        }
}

KERNEL(smooth) {
    int bottom = min(y * TILE + TILE, m);
    for (int tile = 0, end = 0; tile < q; tile = end) {
        end = end_of(near, y, tile, q);
        int x = tile * TILE, count = (end - tile) * TILE;
        for (int c = 0; c < 4; ++c) {
            if (near(y, tile) != EDGE) {
                for (int beyond = tile; beyond < end; ++beyond)
                    if (beside(near, y, beyond, p, q))
                        for (int j = y * TILE; j < bottom; ++j)
                            for (int i = FAR + beyond * TILE; i < FAR + beyond * TILE + TILE; ++i)
                                out(j, c, i) = source(j, c, i);
                continue;
            }
            for (int j = y * TILE; j < bottom; ++j) {
                int tall = window(j, r, m);
                for (int i = 0; i < count + 2 * FAR; ++i) {
                    float total = j == y * TILE ? 0.f : columns(y, x + i);
                    if (j == y * TILE)
                        for (int row = max(j - r, 0); row < min(j + r, m); ++row) total += source(row, c, x + i);
                    else if (j - r - 1 >= 0)
                        total -= source(j - r - 1, c, x + i);
                    columns(y, x + i) = j + r < m ? total + source(j + r, c, x + i) : total;
                }
                for (int i = 0; i < count; ++i)
                    out(j, c, x + FAR + i) = across([&](int at) { return columns(y, x + at); }, i, r) /
                                             float(tall * max(window(x + i, r, n), 1));
            }
        }
    }
    for (int j = y * TILE; j < bottom; ++j)
        for (int c = 0; c < 4; ++c) {
            out(j, c, FAR - 1) = out(j, c, FAR);
            out(j, c, FAR + n) = out(j, c, FAR + n - 1);
        }
}
