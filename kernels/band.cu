// The guided filter in the band of a matte's edge; see band.py. One thread takes a row of tiles, as one core does.
constexpr int TILE = 8, FAR = 4, EDGE = 3;

static __device__ __forceinline__ float held(float v) { return v < 0.f ? 0.f : (v > 1.f ? 1.f : v); }

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

KERNEL(shrink) {
    int side = k * TILE;
    for (int tile = 0; tile < q; ++tile) {
        if (!beside(near, y, tile, p, q)) continue;
        int begin = tile;
        while (tile < q && beside(near, y, tile, p, q)) ++tile;
        int left = begin * side, count = min(tile * side, w) - left;
        for (int j = y * TILE; j < min(y * TILE + TILE, m); ++j) {
            int top = j * k, bottom = min(top + k, h);
            for (int i = 0; i < 3 * count; ++i) {
                int total = 0;
                for (int row = top; row < bottom; ++row) total += image(row, 3 * left + i);
                colours(y, 3 * left + i) = total;
            }
            for (int i = 0; i < count; ++i) {
                float total = alpha(top, left + i);
                for (int row = top + 1; row < bottom; ++row) total += alpha(row, left + i);
                mattes(y, left + i) = total;
            }
            for (int cell = 0; cell < (tile - begin) * TILE; ++cell) {
                int first = cell * k, last = min(first + k, count), r = 0, g = 0, b = 0;
                float s = 0.f;
                for (int i = left + first; i < left + last; ++i) {
                    r += colours(y, 3 * i);
                    g += colours(y, 3 * i + 1);
                    b += colours(y, 3 * i + 2);
                    s += mattes(y, i);
                }
                float mean = 1.f / float(max(last - first, 1) * (bottom - top));
                int at = FAR + begin * TILE + cell;
                out(j, 0, at) = float(r) * mean * (1.f / 255.f);
                out(j, 1, at) = float(g) * mean * (1.f / 255.f);
                out(j, 2, at) = float(b) * mean * (1.f / 255.f);
                out(j, 3, at) = s * mean;
            }
        }
    }
    for (int j = y * TILE; j < min(y * TILE + TILE, m); ++j)
        for (int c = 0; c < 4; ++c)
            for (int i = 0; i < FAR; ++i) out(j, c, i) = out(j, c, FAR + q * TILE + i) = 0.f;
}

KERNEL(predict) {
    int side = k * TILE, before = (k + 1) / 2;
    float each = 1.f / float(k), start = (0.5f - float(before)) * each + 0.5f;
    for (int tile = 0, end = 0; tile < q; tile = end) {
        end = end_of(near, y, tile, q);
        int left = tile * side, count = min(end * side, w) - left;
        int spans = (end - tile) * TILE + 1, first = FAR - 1 + tile * TILE;
        for (int row = y * side; row < min(y * side + side, h); ++row) {
            if (near(y, tile) != EDGE) {
                for (int i = left; i < left + count; ++i) out(row, i) = held((alpha(row, i) - 0.5f) * slope + 0.5f);
                continue;
            }
            float v = fminf(fmaxf((float(row) + 0.5f) / float(k) - 0.5f, 0.f), float(m - 1));
            int j = int(v), below = min(j + 1, m - 1);
            v -= float(j);
            for (int c = 0; c < 4; ++c) {
                for (int i = first; i <= first + spans; ++i)
                    cells(y, i) = model(j, c, i) + (model(below, c, i) - model(j, c, i)) * v;
                for (int i = 0; i < spans; ++i) {
                    float here = cells(y, first + i), rise = cells(y, first + i + 1) - here;
                    for (int phase = 0; phase < k; ++phase)
                        line(y, c, i * k + phase) = here + rise * (start + float(phase) * each);
                }
            }
            for (int i = 0; i < count; ++i) {
                float t = line(y, 0, before + i) * float(image(row, left + i, 0)) +
                          line(y, 1, before + i) * float(image(row, left + i, 1));
                out(row, left + i) = held(t + line(y, 2, before + i) * float(image(row, left + i, 2)) +
                                          line(y, 3, before + i));
            }
        }
    }
}
