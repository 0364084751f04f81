// The bodies of flow.py.
#define PAD 12
#define CELL 8
#define PARTS 32

typedef View<const unsigned short, 2> Picture;

static __device__ __forceinline__ int parts(float v) { return int(floorf(v * float(PARTS) + 0.5f)); }

static __device__ __forceinline__ int across(const Picture& picture, int y, int x, int part) {
    int here = picture(y, x);
    return PARTS * here + (int(picture(y, x + 1)) - here) * part;
}

static __device__ __forceinline__ int down(int upper, int lower, int part) {
    return (PARTS * upper + (lower - upper) * part + PARTS * PARTS / 2) >> 10;
}

static __device__ __forceinline__ int reach(float v, int start, int size) {
    return min(max(PARTS * start + parts(v), 0), PARTS * (size - CELL - 1));
}

KERNEL(spread) {
    int y = CELL * row + PAD, x = CELL * column + PAD;
    float v[4], u[4];
    for (int c = 0; c < 4; ++c) {
        v[c] = 2.f * patches(0, row + c / 2, column + c % 2);
        u[c] = 2.f * patches(1, row + c / 2, column + c % 2);
    }
    bool same = v[1] == v[0] && v[2] == v[0] && v[3] == v[0] && u[1] == u[0] && u[2] == u[0] && u[3] == u[0];
#pragma unroll 1  // unrolled, it would take more registers than a busy multiprocessor has
    for (int at = 0; at < CELL * CELL; ++at) {
        int j = at / CELL, i = at % CELL;
        float sv = 0.f, su = 0.f, off = 0.f, total = 0.f;
        for (int c = 0; c < 4; ++c) {
            if (same && c) break;
            int ty = reach(v[c], y, ph), tx = reach(u[c], x, pw), py = (ty >> 5) + j, px = (tx >> 5) + i;
            int upper = across(past, py, px, tx & (PARTS - 1)), lower = across(past, py + 1, px, tx & (PARTS - 1));
            float d = float(down(upper, lower, ty & (PARTS - 1)) - int(now(y + j, x + i))) * (1.f / 16.f);
            float weight = same ? 1.f : 1.f / (1.f + d * d);
            sv += v[c] * weight;
            su += u[c] * weight;
            off += fabsf(d) * weight;
            total += weight;
        }
        float over = 1.f / total;
        out(0, y - PAD + j, x - PAD + i) = sv * over;
        out(1, y - PAD + j, x - PAD + i) = su * over;
        difference(y - PAD + j, x - PAD + i) = off * over;
    }
}

static __device__ __forceinline__ float lerp(const float* p, long long stride, float v, float u, int m, int n) {
    v = fminf(fmaxf(v, 0.f), float(m - 1));
    u = fminf(fmaxf(u, 0.f), float(n - 1));
    int j = int(v), i = int(u);
    float fy = v - float(j), fx = u - float(i);
    const float *a = p + j * stride, *b = p + min(j + 1, m - 1) * stride;
    int i1 = min(i + 1, n - 1);
    float upper = a[i] + (a[i1] - a[i]) * fx, lower = b[i] + (b[i1] - b[i]) * fx;
    return upper + (lower - upper) * fy;
}

KERNEL(chain) {
    float v = first(0, y, x), u = first(1, y, x);
    out(0, y, x) = v + lerp(then.p, then.s[1], float(y) + v, float(x) + u, m, n);
    out(1, y, x) = u + lerp(then.p + then.s[0], then.s[1], float(y) + v, float(x) + u, m, n);
}
