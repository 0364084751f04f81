// A clean plate made from footage; see plate.py, whose constants and functions these repeat.
enum { CELL = 4 };
#define CLEAR 0.1f

KERNEL(begin) {
    count(y, x) = 0;
    for (int c = 0; c < 3; ++c) {
        ring(0, y, x, c) = image(y, x, c);
        last(y, x, c) = image(y, x, c);
    }
}

KERNEL(moved) {
    int sum[3] = {0, 0, 0}, total = 0, y1 = min(y * CELL + CELL, h), x1 = min(x * CELL + CELL, w);
    float subject = 0.f;
    for (int j = y * CELL; j < y1; ++j)
        for (int i = x * CELL; i < x1; ++i) {
            for (int c = 0; c < 3; ++c) {
                int d = (int)image(j, i, c) - (int)last(j, i, c);
                sum[c] += d;
                total += abs(d);
            }
            subject = alpha(j, i) > subject ? alpha(j, i) : subject;
        }
    int most = max(abs(sum[0]), max(abs(sum[1]), abs(sum[2])));
    float area = (float)((y1 - y * CELL) * (x1 - x * CELL));
    out(y, x) = (float)most > levels * area || subject > CLEAR ? 1 : 0;
    change(y, x) = (float)total / (3.f * area);
}

KERNEL(count_busy) {
    int total = 0;
    float rest = 0.f;
    for (int x = 0; x < n; ++x) {
        total += busy(y, x);
        rest += (float)(1 - (int)busy(y, x)) * change(y, x);
    }
    out(y, 0) = (float)total;
    out(y, 1) = rest;
}

KERNEL(enter) {
    int around = 1 - take;
    for (int j = max(y - 1, 0); j < min(y + 2, m); ++j)
        for (int i = max(x - 1, 0); i < min(x + 2, n); ++i) around += busy(j, i);
    for (int j = y * CELL; j < min(y * CELL + CELL, h); ++j)
        for (int i = x * CELL; i < min(x * CELL + CELL, w); ++i) {
            int k = count(j, i);
            for (int c = 0; c < 3; ++c) {
                last(j, i, c) = image(j, i, c);
                if (around == 0) ring(k % size, j, i, c) = image(j, i, c);
            }
            if (around == 0) count(j, i) = (unsigned char)(k + 1 < 2 * size ? k + 1 : size);
        }
}

template <typename R>
static __device__ __forceinline__ bool alike(R ring, int i, int y, int x, float r, float g, float b, float reach) {
    float dr = fabsf(ring(i, y, x, 0) - r), dg = fabsf(ring(i, y, x, 1) - g), db = fabsf(ring(i, y, x, 2) - b);
    return dr <= reach && dg <= reach && db <= reach;
}

KERNEL(settle) {
    int n = min((int)count(y, x), size), most = 0, best = 0;
    for (int i = 0; i < n && 2 * most <= n; ++i) {
        float r = ring(i, y, x, 0), g = ring(i, y, x, 1), b = ring(i, y, x, 2);
        int near = 0;
        for (int j = 0; j < n; ++j) near += alike(ring, j, y, x, r, g, b, reach) ? 1 : 0;
        if (near > most) {
            most = near;
            best = i;
        }
    }
    float r = ring(best, y, x, 0), g = ring(best, y, x, 1), b = ring(best, y, x, 2);
    float square = 0.f, members = 0.f;
    for (int turn = 0; turn < 2; ++turn) {
        float sr = 0.f, sg = 0.f, sb = 0.f;
        square = members = 0.f;
        for (int j = 0; j < n; ++j) {
            if (!alike(ring, j, y, x, r, g, b, reach)) continue;
            float dr = ring(j, y, x, 0) - r, dg = ring(j, y, x, 1) - g, db = ring(j, y, x, 2) - b;
            sr += dr;
            sg += dg;
            sb += db;
            square += dr * dr + dg * dg + db * db;
            members += 1.f;
        }
        float each = 1.f / (members > 1.f ? members : 1.f);
        square = square * each - (sr * sr + sg * sg + sb * sb) * each * each;
        r += sr * each;
        g += sg * each;
        b += sb * each;
    }
    plate(y, x, 0) = (unsigned char)(int)(r + 0.5f);
    plate(y, x, 1) = (unsigned char)(int)(g + 0.5f);
    plate(y, x, 2) = (unsigned char)(int)(b + 0.5f);
    spread(y, x) = sqrtf((square > 0.f ? square : 0.f) * (1.f / 3.f));
    support(y, x) = members / (float)size;
}

KERNEL(grade) {
    float covered = 0.f, noise = 0.f;
    for (int x = 0; x < w; ++x) {
        float part = 2.f * support(y, x);
        part = part < 1.f ? part : 1.f;
        covered += part;
        noise += part * spread(y, x);
    }
    out(y, 0) = covered;
    out(y, 1) = noise;
}
