// How a camera has moved; see steady.py, whose constants and functions these repeat.
enum { CELL = 16, DOUBT = 12, AROUND = 2, CAP = 12 };
#define MIDDLE 128.f
#define EDGE 1.f

static __device__ __forceinline__ float place(int x, int y, float across, float down, float start) {
    return across * (float(x) + 0.5f) + down * (float(y) + 0.5f) + (start - 0.5f);
}

KERNEL(brightness) {
    int r = 0, g = 0, b = 0;
    for (int j = 0; j < k; ++j)
        for (int i = 0; i < k; ++i) {
            r += image(y * k + j, x * k + i, 0);
            g += image(y * k + j, x * k + i, 1);
            b += image(y * k + j, x * k + i, 2);
        }
    out(y, x) = (0.299f * float(r) + 0.587f * float(g) + 0.114f * float(b)) / float(k * k);
}

KERNEL(smooth) {
    int above = max(y - 1, 0), below = min(y + 1, h - 1), left = max(x - 1, 0), right = min(x + 1, w - 1);
    float upper = source(above, left) + 2.f * source(above, x) + source(above, right);
    float here = source(y, left) + 2.f * source(y, x) + source(y, right);
    float lower = source(below, left) + 2.f * source(below, x) + source(below, right);
    out(y, x) = (upper + 2.f * here + lower) * (1.f / 16.f);
}

KERNEL(detail) {
    float total = 0.f, count = 0.f;
    for (int j = max(y - AROUND, 0); j < min(y + AROUND + 1, h); ++j)
        for (int i = max(x - AROUND, 0); i < min(x + AROUND + 1, w); ++i) {
            total += source(j, i);
            count += 1.f;
        }
    out(y, x) = (unsigned char)(int(fminf(fmaxf(source(y, x) - total / count + (MIDDLE + 0.5f), 0.f), 255.f)));
}

KERNEL(trust) {
    out(y, x) = (unsigned char)max(int((1.f - subject(y, x)) * 255.f + 0.5f), int(DOUBT));
}

KERNEL(search) {
    int dy = row - rows / 2, dx = column - columns / 2, total = 0, weight = 0;
    for (int y = max(-dy, 0); y < min(h, h - dy); ++y)
        for (int x = max(-dx, 0); x < min(w, w - dx); ++x) {
            int t = trust(y, x) >> 2;
            total += min(abs(int(image(y + dy, x + dx)) - int(reference(y, x))), int(CAP)) * t;
            weight += t;
        }
    out(row, column) = float(total) / float(max(weight, 1));
}

KERNEL(fit_cells) {
    float xs = 0.f, ys = 0.f, xx = 0.f, xy = 0.f, yy = 0.f, xr = 0.f, yr = 0.f;
    float ps = 0.f, qs = 0.f, pp = 0.f, pq = 0.f, weight = 0.f, most = 0.f;
    for (int y = max(row * CELL, 1); y < min(row * CELL + CELL, h - 1); ++y)
        for (int x = max(column * CELL, 1); x < min(column * CELL + CELL, w - 1); ++x) {
            float gx = 0.5f * (reference(y, x + 1) - reference(y, x - 1));
            float gy = 0.5f * (reference(y + 1, x) - reference(y - 1, x));
            if (gx * gx + gy * gy < EDGE * EDGE) continue;
            float u = place(x, y, a, b, c), v = place(x, y, d, e, f);
            if (!(u >= 0.f && v >= 0.f && u < float(w - 1) && v < float(h - 1))) continue;
            int i = int(u), j = int(v);
            float upper = image(j, i) + (image(j, i + 1) - image(j, i)) * (u - float(i));
            float lower = image(j + 1, i) + (image(j + 1, i + 1) - image(j + 1, i)) * (u - float(i));
            float p = reference(y, x) - MIDDLE, q = upper + (lower - upper) * (v - float(j)) - MIDDLE;
            float r = q - gain * p - offset;
            float root = scale * scale / (scale * scale + r * r);
            float t = float(trust(y, x)) * (1.f / 255.f), m = t * root * root;
            xs += m * gx;
            ys += m * gy;
            xx += m * gx * gx;
            xy += m * gx * gy;
            yy += m * gy * gy;
            xr += m * gx * r;
            yr += m * gy * r;
            ps += m * p;
            qs += m * q;
            pp += m * p * p;
            pq += m * p * q;
            weight += m;
            most += t;
        }
    const float all[13] = {xx, xy, yy, xr, yr, ps, qs, pp, pq, xs, ys, weight, most};
    for (int k = 0; k < 13; ++k) out(row, column, k) = all[k];
}
