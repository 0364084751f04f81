// The guided filter; see guided.py, and box.cu for `window`.
static __device__ __forceinline__ int window(int i, int r, int n) { return min(i + r, n - 1) - max(i - r, 0) + 1; }

struct Four {
    float r, g, b, p;
};

template <typename I, typename A>
static __device__ __forceinline__ Four cell(const I& image, const A& alpha, int y, int x, int k, int h, int w) {
    float r = 0.f, g = 0.f, b = 0.f, p = 0.f;
    int y1 = min(y * k + k, h), x1 = min(x * k + k, w);
    for (int j = y * k; j < y1; ++j) {
        for (int i = x * k; i < x1; ++i) {
            r += float(image(j, i, 0));
            g += float(image(j, i, 1));
            b += float(image(j, i, 2));
            p += alpha(j, i);
        }
    }
    float n = float((y1 - y * k) * (x1 - x * k));
    return {r / (n * 255.f), g / (n * 255.f), b / (n * 255.f), p / n};
}

KERNEL(shrink) {
    Four c = cell(image, alpha, y, x, k, h, w);
    out(0, y, x) = c.r;
    out(1, y, x) = c.g;
    out(2, y, x) = c.b;
    out(3, y, x) = c.p;
}

KERNEL(moments) {
    Four c = cell(image, alpha, y, x, k, h, w);
    out(0, y, x) = c.r;
    out(1, y, x) = c.g;
    out(2, y, x) = c.b;
    out(3, y, x) = c.r * c.r;
    out(4, y, x) = c.r * c.g;
    out(5, y, x) = c.r * c.b;
    out(6, y, x) = c.g * c.g;
    out(7, y, x) = c.g * c.b;
    out(8, y, x) = c.b * c.b;
    out(9, y, x) = c.p;
    out(10, y, x) = c.p * c.r;
    out(11, y, x) = c.p * c.g;
    out(12, y, x) = c.p * c.b;
}

static __device__ __forceinline__ Four solve(float r, float g, float b, float rr, float rg, float rb, float gg, float gb,
                                             float bb, float p, float pr, float pg, float pb, float eps) {
    rr = rr - r * r + eps;
    rg = rg - r * g;
    rb = rb - r * b;
    gg = gg - g * g + eps;
    gb = gb - g * b;
    bb = bb - b * b + eps;
    pr = pr - p * r;
    pg = pg - p * g;
    pb = pb - p * b;
    float i0 = gg * bb - gb * gb, i1 = gb * rb - rg * bb, i2 = rg * gb - gg * rb;
    float i4 = rr * bb - rb * rb, i5 = rg * rb - rr * gb, i8 = rr * gg - rg * rg;
    float over = 1.f / (rr * i0 + rg * i1 + rb * i2);
    float ar = (i0 * pr + i1 * pg + i2 * pb) * over;
    float ag = (i1 * pr + i4 * pg + i5 * pb) * over;
    float ab = (i2 * pr + i5 * pg + i8 * pb) * over;
    return {ar, ag, ab, p - ar * r - ag * g - ab * b};
}

KERNEL(fit) {
    Four a = solve(mean(0, y, x), mean(1, y, x), mean(2, y, x), mean(3, y, x), mean(4, y, x), mean(5, y, x),
                   mean(6, y, x), mean(7, y, x), mean(8, y, x), mean(9, y, x), mean(10, y, x), mean(11, y, x),
                   mean(12, y, x), eps);
    out(0, y, x) = a.r;
    out(1, y, x) = a.g;
    out(2, y, x) = a.b;
    out(3, y, x) = a.p;
}

KERNEL(regress) {
    float sr = 0.f, sg = 0.f, sb = 0.f, srr = 0.f, srg = 0.f, srb = 0.f, sgg = 0.f;
    float sgb = 0.f, sbb = 0.f, sp = 0.f, spr = 0.f, spg = 0.f, spb = 0.f;
    for (int j = max(y - r, 0); j <= min(y + r, m - 1); ++j) {
        for (int i = max(x - r, 0); i <= min(x + r, n - 1); ++i) {
            float red = source(0, j, i), green = source(1, j, i), blue = source(2, j, i), p = source(3, j, i);
            sr += red;
            sg += green;
            sb += blue;
            srr += red * red;
            srg += red * green;
            srb += red * blue;
            sgg += green * green;
            sgb += green * blue;
            sbb += blue * blue;
            sp += p;
            spr += p * red;
            spg += p * green;
            spb += p * blue;
        }
    }
    float q = 1.f / float(window(y, r, m) * window(x, r, n));
    Four a = solve(sr * q, sg * q, sb * q, srr * q, srg * q, srb * q, sgg * q, sgb * q, sbb * q, sp * q, spr * q,
                   spg * q, spb * q, eps);
    out(0, y, x) = a.r;
    out(1, y, x) = a.g;
    out(2, y, x) = a.b;
    out(3, y, x) = a.p;
}

KERNEL(predict) {
    float v = fminf(fmaxf((float(y) + 0.5f) / float(k) - 0.5f, 0.f), float(m - 1));
    int j0 = int(v), j1 = min(j0 + 1, m - 1);
    v -= float(j0);
    int i0 = max(span - 1, 0), i1 = min(span, n - 1);
    float left[4], rise[4];
    for (int i = 0; i < 4; ++i) {
        left[i] = model(i, j0, i0) + (model(i, j1, i0) - model(i, j0, i0)) * v;
        rise[i] = model(i, j0, i1) + (model(i, j1, i1) - model(i, j0, i1)) * v - left[i];
    }
    int first = k * span - (k + 1) / 2;
    float each = 1.f / float(k);
    float start = (float(max(first, 0)) + 0.5f) * each + 0.5f - float(span);
    for (int x = max(first, 0); x < min(first + k, w); ++x) {
        float u = start + float(x - max(first, 0)) * each;
        float q = (left[0] + rise[0] * u) * float(image(y, x, 0)) + (left[1] + rise[1] * u) * float(image(y, x, 1));
        q = (q + (left[2] + rise[2] * u) * float(image(y, x, 2))) * (1.f / 255.f) + (left[3] + rise[3] * u);
        out(y, x) = fminf(fmaxf((q - 0.5f) * slope + 0.5f, 0.f), 1.f);
    }
}

KERNEL(predict_pixel) {
    float v = fminf(fmaxf((float(y) + 0.5f) / float(k) - 0.5f, 0.f), float(m - 1));
    float u = fminf(fmaxf((float(x) + 0.5f) / float(k) - 0.5f, 0.f), float(n - 1));
    int j0 = int(v), i0 = int(u), j1 = min(j0 + 1, m - 1), i1 = min(i0 + 1, n - 1);
    v -= float(j0);
    u -= float(i0);
    float q = 0.f;
    for (int c = 0; c < 4; ++c) {
        float left = model(c, j0, i0) + (model(c, j1, i0) - model(c, j0, i0)) * v;
        float right = model(c, j0, i1) + (model(c, j1, i1) - model(c, j0, i1)) * v;
        q += (left + (right - left) * u) * (c < 3 ? float(image(y, x, c)) * (1.f / 255.f) : 1.f);
    }
    out(y, x) = fminf(fmaxf((q - 0.5f) * slope + 0.5f, 0.f), 1.f);
}
