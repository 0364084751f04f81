// The bodies of flow.py.
#define PAD 12
#define SIZE 8
#define STEP 4
#define STEPS 5
#define FLAT 40.f
#define NEAR 0.02f

typedef View<const float, 2> Picture;

KERNEL(grey) {
    int top = min(max(y - PAD, 0), m - 1) * k, left = min(max(x - PAD, 0), n - 1) * k;
    int bottom = min(top + k, h), right = min(left + k, w);
    int total = 0;
    for (int j = top; j < bottom; ++j) {
        for (int i = left; i < right; ++i) total += int(image(j, i, 0)) + 2 * int(image(j, i, 1)) + int(image(j, i, 2));
    }
    out(y, x) = float(total) / float(4 * (bottom - top) * (right - left));
}

KERNEL(halve) {
    int j = PAD + 2 * min(max(y - PAD, 0), m - 1), i = PAD + 2 * min(max(x - PAD, 0), n - 1);
    out(y, x) = (source(j, i) + source(j, i + 1) + source(j + 1, i) + source(j + 1, i + 1)) * 0.25f;
}

KERNEL(rest) {
    out(0, y, x) = 0.f;
    out(1, y, x) = 0.f;
}

static __device__ __forceinline__ float bound(float v, int start, int size) {
    return fmaxf(fminf(v, float(size - SIZE - 2 - start)), float(-start));
}

static __device__ __forceinline__ float between(const Picture& p, int j, int i, float fy, float fx) {
    float upper = p(j, i) + (p(j, i + 1) - p(j, i)) * fx;
    float lower = p(j + 1, i) + (p(j + 1, i + 1) - p(j + 1, i)) * fx;
    return upper + (lower - upper) * fy;
}

static __device__ __forceinline__ float misfit(const Picture& now, const Picture& past, int y, int x, float v, float u) {
    int iy = int(floorf(v)), ix = int(floorf(u));
    float fy = v - float(iy), fx = u - float(ix);
    float s = 0.f, ss = 0.f;
    for (int j = 0; j < SIZE; ++j) {
        for (int i = 0; i < SIZE; ++i) {
            float d = between(past, y + iy + j, x + ix + i, fy, fx) - now(y + j, x + i);
            s += d;
            ss += d * d;
        }
    }
    return ss - s * s * (1.f / 64.f);
}

KERNEL(search) {
    int y = PAD - 2 + STEP * row, x = PAD - 2 + STEP * column;
    float v = 0.f, u = 0.f;
    float best = misfit(now, past, y, x, v, u);
    for (int c = 0; c < 4; ++c) {
        int cy = min(max((row + (c / 2) * 2 - 1) >> 1, 0), cr - 1), cx = min(max((column + (c % 2) * 2 - 1) >> 1, 0), cc - 1);
        float cv = bound(2.f * coarse(0, cy, cx), y, ph), cu = bound(2.f * coarse(1, cy, cx), x, pw);
        if (cv != v || cu != u) {
            float found = misfit(now, past, y, x, cv, cu);
            if (found < best) {
                best = found;
                v = cv;
                u = cu;
            }
        }
    }
    float sy = 0.f, sx = 0.f, yy = FLAT, xx = FLAT, xy = 0.f;
    for (int j = 0; j < SIZE; ++j) {
        for (int i = 0; i < SIZE; ++i) {
            float gy = (now(y + j + 1, x + i) - now(y + j - 1, x + i)) * 0.5f;
            float gx = (now(y + j, x + i + 1) - now(y + j, x + i - 1)) * 0.5f;
            sy += gy;
            sx += gx;
            yy += gy * gy;
            xx += gx * gx;
            xy += gy * gx;
        }
    }
    sy *= 1.f / 64.f;
    sx *= 1.f / 64.f;
    yy -= sy * sy * 64.f;
    xx -= sx * sx * 64.f;
    xy -= sy * sx * 64.f;
    float over = 1.f / (yy * xx - xy * xy);
    float nv = v, nu = u;
    for (int turn = 0; turn < STEPS; ++turn) {
        int iy = int(floorf(nv)), ix = int(floorf(nu));
        float fy = nv - float(iy), fx = nu - float(ix);
        float s = 0.f, py = 0.f, px = 0.f;
        for (int j = 0; j < SIZE; ++j) {
            for (int i = 0; i < SIZE; ++i) {
                float d = between(past, y + iy + j, x + ix + i, fy, fx) - now(y + j, x + i);
                s += d;
                py += (now(y + j + 1, x + i) - now(y + j - 1, x + i)) * 0.5f * d;
                px += (now(y + j, x + i + 1) - now(y + j, x + i - 1)) * 0.5f * d;
            }
        }
        py -= sy * s;
        px -= sx * s;
        float dv = (xx * py - xy * px) * over, du = (yy * px - xy * py) * over;
        nv = bound(nv - dv, y, ph);
        nu = bound(nu - du, x, pw);
        if (fabsf(dv) + fabsf(du) < NEAR) break;
    }
    if (fabsf(nv - v) < float(STEP) && fabsf(nu - u) < float(STEP) && misfit(now, past, y, x, nv, nu) < best) {
        v = nv;
        u = nu;
    }
    out(0, row, column) = v;
    out(1, row, column) = u;
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

KERNEL(spread) {
    float v = 0.f, u = 0.f, total = 0.f, here = now(y + PAD, x + PAD);
    for (int c = 0; c < 4; ++c) {
        int r = min(max((y + 2) / STEP - c / 2, 0), rows - 1), q = min(max((x + 2) / STEP - c % 2, 0), columns - 1);
        float cv = patches(0, r, q), cu = patches(1, r, q);
        float d = lerp(past.p, past.s[0], float(y + PAD) + cv, float(x + PAD) + cu, ph, pw) - here;
        float weight = 1.f / (1.f + d * d);
        v += cv * weight;
        u += cu * weight;
        total += weight;
    }
    out(0, y, x) = v / total;
    out(1, y, x) = u / total;
}

KERNEL(chain) {
    float v = first(0, y, x), u = first(1, y, x);
    out(0, y, x) = v + lerp(then.p, then.s[1], float(y) + v, float(x) + u, m, n);
    out(1, y, x) = u + lerp(then.p + then.s[0], then.s[1], float(y) + v, float(x) + u, m, n);
}
