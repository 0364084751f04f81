// The bodies of patches.py.
#define PAD 12
#define SIZE 8
#define STEP 4
#define STEPS 5
#define FLAT 40.f
#define QUIET 64.f
#define NEAR 0.1f
#define PARTS 32

typedef View<const unsigned short, 2> Picture;

struct Sums {  // over a patch: of the difference, of its square, and of it times the gradients
    int s, ss, y, x;
};

static __device__ __forceinline__ float bound(float v, int start, int size) {
    return fmaxf(fminf(v, float(size - SIZE - 2 - start)), float(-start));
}

static __device__ __forceinline__ int parts(float v) { return int(floorf(v * float(PARTS) + 0.5f)); }

static __device__ __forceinline__ int across(const Picture& picture, int y, int x, int part) {
    int here = picture(y, x);
    return PARTS * here + (int(picture(y, x + 1)) - here) * part;
}

static __device__ __forceinline__ int down(int upper, int lower, int part) {
    return (PARTS * upper + (lower - upper) * part + PARTS * PARTS / 2) >> 10;
}

static __device__ __forceinline__ float variance(int s, int ss) {
    return (float(ss) - float(s) * float(s) * (1.f / 64.f)) * (1.f / 256.f);
}

template <bool STEEP>
static __device__ __forceinline__ Sums compare(const Picture& now, const Picture& past, int y, int x, float v, float u) {
    int iy = parts(v), ix = parts(u), fy = iy & (PARTS - 1), fx = ix & (PARTS - 1);
    int py = max(y + (iy >> 5), 0), px = max(x + (ix >> 5), 0);
    Sums sums = {0, 0, 0, 0};
    for (int i = 0; i < SIZE; ++i) {
        int upper = across(past, py, px + i, fx);
        for (int j = 0; j < SIZE; ++j) {
            int lower = across(past, py + j + 1, px + i, fx);
            int d = down(upper, lower, fy) - int(now(y + j, x + i));
            upper = lower;
            sums.s += d;
            sums.ss += d * d;
            if (STEEP) {
                sums.y += (int(now(y + j + 1, x + i)) - int(now(y + j - 1, x + i))) * d;
                sums.x += (int(now(y + j, x + i + 1)) - int(now(y + j, x + i - 1))) * d;
            }
        }
    }
    return sums;
}

static __device__ __forceinline__ float misfit(const Picture& now, const Picture& past, int y, int x, float v, float u) {
    Sums sums = compare<false>(now, past, y, x, v, u);
    return variance(sums.s, sums.ss);
}

KERNEL(search) {
    int y = PAD - STEP + STEP * row, x = PAD - STEP + STEP * column;
    float v = 0.f, u = 0.f, best = misfit(now, past, y, x, v, u);
    if (best > QUIET) {
        for (int cy = max(row - 1, 0) / 2; cy < (row + 2) / 2 + 1; ++cy) {
            for (int cx = max(column - 1, 0) / 2; cx < (column + 2) / 2 + 1; ++cx) {
                float cv = bound(2.f * coarse(0, min(cy, cr - 1), min(cx, cc - 1)), y, ph);
                float cu = bound(2.f * coarse(1, min(cy, cr - 1), min(cx, cc - 1)), x, pw);
                if (cv == v && cu == u) continue;
                float found = misfit(now, past, y, x, cv, cu);
                if (found < best) {
                    best = found;
                    v = cv;
                    u = cu;
                }
            }
        }
    }
    if (best > QUIET) {
        int ys = 0, xs = 0, yys = 0, xxs = 0, xys = 0;
        for (int i = 0; i < SIZE; ++i) {
            for (int j = 0; j < SIZE; ++j) {
                int gy = int(now(y + j + 1, x + i)) - int(now(y + j - 1, x + i));
                int gx = int(now(y + j, x + i + 1)) - int(now(y + j, x + i - 1));
                ys += gy;
                xs += gx;
                yys += gy * gy;
                xxs += gx * gx;
                xys += gy * gx;
            }
        }
        float sy = float(ys) * (1.f / 32.f), sx = float(xs) * (1.f / 32.f);
        float yy = float(yys) * (1.f / 1024.f) + (FLAT - sy * sy * (1.f / 64.f));
        float xx = float(xxs) * (1.f / 1024.f) + (FLAT - sx * sx * (1.f / 64.f));
        float xy = float(xys) * (1.f / 1024.f) - sy * sx * (1.f / 64.f);
        float over = 1.f / (yy * xx - xy * xy), nv = v, nu = u;
        for (int turn = 0; turn < STEPS; ++turn) {
            Sums sums = compare<true>(now, past, y, x, nv, nu);
            float found = variance(sums.s, sums.ss), s = float(sums.s) * (1.f / 16.f);
            if (found < best) {
                best = found;
                v = nv;
                u = nu;
            }
            float py = float(sums.y) * (1.f / 512.f) - sy * s * (1.f / 64.f);
            float px = float(sums.x) * (1.f / 512.f) - sx * s * (1.f / 64.f);
            float dv = fminf(fmaxf((xx * py - xy * px) * over, float(-STEP)), float(STEP));
            float du = fminf(fmaxf((yy * px - xy * py) * over, float(-STEP)), float(STEP));
            nv = bound(nv - dv, y, ph);
            nu = bound(nu - du, x, pw);
            if (fabsf(dv) + fabsf(du) < NEAR) break;
        }
        if (misfit(now, past, y, x, nv, nu) < best) {
            v = nv;
            u = nu;
        }
    }
    out(0, row, column) = v;
    out(1, row, column) = u;
}
