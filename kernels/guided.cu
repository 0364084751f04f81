// Box means and the guided filter; see guided.py.
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
    float tall = float(window(row % h, r, h));
    float total = 0.f;
    for (int x = 0; x < min(r, w); ++x) total += source(row, x);
    for (int x = 0; x < w; ++x) {
        if (x + r < w) total += source(row, x + r);
        if (x - r > 0) total -= source(row, x - r - 1);
        out(row, x) = total / (tall * float(window(x, r, w)));
    }
}

KERNEL(moments) {
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
    r /= n * 255.f;
    g /= n * 255.f;
    b /= n * 255.f;
    p /= n;
    const float all[13] = {r, g, b, r * r, r * g, r * b, g * g, g * b, b * b, p, p * r, p * g, p * b};
    for (int i = 0; i < 13; ++i) out(i, y, x) = all[i];
}

KERNEL(fit) {
    float r = mean(0, y, x), g = mean(1, y, x), b = mean(2, y, x), p = mean(9, y, x);
    float rr = mean(3, y, x) - r * r + eps;
    float rg = mean(4, y, x) - r * g;
    float rb = mean(5, y, x) - r * b;
    float gg = mean(6, y, x) - g * g + eps;
    float gb = mean(7, y, x) - g * b;
    float bb = mean(8, y, x) - b * b + eps;
    float pr = mean(10, y, x) - p * r;
    float pg = mean(11, y, x) - p * g;
    float pb = mean(12, y, x) - p * b;
    float i0 = gg * bb - gb * gb, i1 = gb * rb - rg * bb, i2 = rg * gb - gg * rb;
    float i4 = rr * bb - rb * rb, i5 = rg * rb - rr * gb, i8 = rr * gg - rg * rg;
    float over = 1.f / (rr * i0 + rg * i1 + rb * i2);
    float ar = (i0 * pr + i1 * pg + i2 * pb) * over;
    float ag = (i1 * pr + i4 * pg + i5 * pb) * over;
    float ab = (i2 * pr + i5 * pg + i8 * pb) * over;
    out(0, y, x) = ar;
    out(1, y, x) = ag;
    out(2, y, x) = ab;
    out(3, y, x) = p - ar * r - ag * g - ab * b;
}

KERNEL(predict) {
    float v = fminf(fmaxf((float(y) + 0.5f) / float(k) - 0.5f, 0.f), float(m - 1));
    int j0 = int(v), j1 = min(j0 + 1, m - 1);
    v -= float(j0);
    int i0 = max(span - 1, 0), i1 = min(span, n - 1);
    float left[4], slope[4];
    for (int i = 0; i < 4; ++i) {
        left[i] = model(i, j0, i0) + (model(i, j1, i0) - model(i, j0, i0)) * v;
        slope[i] = model(i, j0, i1) + (model(i, j1, i1) - model(i, j0, i1)) * v - left[i];
    }
    int first = k * span - (k + 1) / 2;
    float each = 1.f / float(k);
    float start = (float(max(first, 0)) + 0.5f) * each + 0.5f - float(span);
    for (int x = max(first, 0); x < min(first + k, w); ++x) {
        float u = start + float(x - max(first, 0)) * each;
        float q = (left[0] + slope[0] * u) * float(image(y, x, 0)) + (left[1] + slope[1] * u) * float(image(y, x, 1));
        q = (q + (left[2] + slope[2] * u) * float(image(y, x, 2))) * (1.f / 255.f) + (left[3] + slope[3] * u);
        out(y, x) = fminf(fmaxf(q, 0.f), 1.f);
    }
}
