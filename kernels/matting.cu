// Alpha solved anew where it is in doubt; see matting.py.
#define CELL 4
#define RAYS 8
#define LEVELS 64
#define SURE 0.02f
#define NOISE 400.f
#define SCATTER 3.f
#define TRUST 40.f
#define AGREE 0.005f
#define SNAP 1.1f
#define NEAR 0.02f
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ bool sure(float a) { return a <= SURE || a >= 1.f - SURE; }
static __device__ __forceinline__ int level(float a) {
    return sure(a) ? 0 : min((int)(a * (1.f - a) * (float)(4 * LEVELS)) + 1, LEVELS - 1);
}

KERNEL(survey) {
    float r = 0.f, g = 0.f, b = 0.f, s = 0.f;
    int y1 = min(y * CELL + CELL, h), x1 = min(x * CELL + CELL, w);
    for (int j = y * CELL; j < y1; ++j)
        for (int i = x * CELL; i < x1; ++i) {
            r += (float)image(j, i, 0);
            g += (float)image(j, i, 1);
            b += (float)image(j, i, 2);
            s += weight(alpha(j, i));
        }
    float n = 1.f / (float)((y1 - y * CELL) * (x1 - x * CELL));
    colours(y, x, 0) = r * n, colours(y, x, 1) = g * n, colours(y, x, 2) = b * n;
    share(y, x) = s * n;
}

KERNEL(certain) {
    out(y, x) = around(y, x) >= 1.f - SURE ? 1.f : 0.f;
}

KERNEL(settle) {
    if (own(y, x) >= 1.f - SURE && near(y, x) <= 0.f) around(y, x) = 1.f;
}

KERNEL(count) {
    for (int i = 0; i < LEVELS; ++i) counts(y, i) = 0;
    for (int x = 0; x < n; ++x) ++counts(y, level(around(y, x)));
}

KERNEL(ration) {
    int left = jobs, lowest = LEVELS;
    while (lowest > 1 && left > 0) {
        --lowest;
        for (int y = 0; y < m; ++y) left -= counts(y, lowest);
    }
    if (left < 0) {
        for (int y = 0; y < m; ++y) left += counts(y, lowest);
    } else {
        left = jobs;
    }
    int first = 0;
    for (int y = 0; y < m; ++y) {
        int take = lowest < LEVELS ? min(counts(y, lowest), left) : 0;
        left -= take;
        plan(y, 0) = lowest, plan(y, 1) = take, plan(y, 2) = first;
        first += take;
        for (int i = lowest + 1; i < LEVELS; ++i) first += counts(y, i);
    }
}

KERNEL(enlist) {
    int take = plan(y, 1), job = plan(y, 2);
    for (int x = 0; x < n; ++x) {
        int doubt = level(around(y, x));
        bool chosen = doubt > plan(y, 0);
        if (doubt == plan(y, 0) && take > 0) {
            --take;
            chosen = true;
        }
        if (chosen) cells(job++) = y * n + x;
    }
}

KERNEL(shoot) {
    samples(job, ray, 3) = -1.f, samples(job, ray, 7) = -1.f;
    int cell = cells(job);
    if (cell < 0) return;
    int y0 = cell / n, x0 = cell % n, turn = ray % 8;
    int dy = (turn >= 1 && turn <= 3) - (turn >= 5);
    int dx = (turn == 7 || turn <= 1) - (turn >= 3 && turn <= 5);
    float each = ray % 2 == 0 ? 1.f : 1.414f;
    for (int step = 1; step <= reach; ++step) {
        int y = y0 + dy * step, x = x0 + dx * step;
        if (y < 0 || y >= m || x < 0 || x >= n) continue;
        float a = around(y, x);
        int side = a >= 1.f - SURE ? 0 : 4;
        if (!sure(a) || samples(job, ray, side + 3) >= 0.f) continue;
        for (int c = 0; c < 3; ++c) samples(job, ray, side + c) = colours(y, x, c);
        samples(job, ray, side + 3) = (float)step * each;
    }
}

static __device__ __forceinline__ float scatter(const View<const float, 3>& samples, int job, int first) {
    float n = 0.f, r = 0.f, g = 0.f, b = 0.f, q = 0.f;
    for (int i = 0; i < RAYS; ++i) {
        if (samples(job, i, first + 3) < 0.f) continue;
        float x = samples(job, i, first), y = samples(job, i, first + 1), z = samples(job, i, first + 2);
        n += 1.f, r += x, g += y, b += z;
        q += x * x + y * y + z * z;
    }
    n = 1.f / fmaxf(n, 1.f);
    return fmaxf(q * n - (r * r + g * g + b * b) * n * n, 0.f) * (1.f / 3.f);
}

KERNEL(solve) {
    int cell = max(cells(job), 0);
    int y = cell / n * CELL + pixel / CELL, x = cell % n * CELL + pixel % CELL;
    if (cells(job) < 0 || y >= h || x >= w) return;
    float r = image(y, x, 0), g = image(y, x, 1), b = image(y, x, 2);
    float coarse = weight(alpha(y, x)), a = around(cell / n, cell % n);
    float trust = TRUST * 0.25f / (a * (1.f - a));
    float noise = NOISE + SCATTER * (scatter(samples, job, 0) + scatter(samples, job, 4));
    float total = 0.f, mean = 0.f, square = 0.f;
    for (int i = 0; i < RAYS; ++i) {
        if (samples(job, i, 3) < 0.f) continue;
        for (int j = 0; j < RAYS; ++j) {
            if (samples(job, j, 7) < 0.f) continue;
            float br = samples(job, j, 4), bg = samples(job, j, 5), bb = samples(job, j, 6);
            float dr = samples(job, i, 0) - br, dg = samples(job, i, 1) - bg, db = samples(job, i, 2) - bb;
            float r0 = r - br, g0 = g - bg, b0 = b - bb;
            float size = dr * dr + dg * dg + db * db;
            float s = (r0 * dr + g0 * dg + b0 * db + trust * noise * coarse) / (size + trust * noise);
            s = fminf(fmaxf(s, 0.f), 1.f);
            float er = r0 - s * dr, eg = g0 - s * dg, eb = b0 - s * db;
            float cost = (er * er + eg * eg + eb * eb) / noise + trust * (s - coarse) * (s - coarse);
            cost += NEAR * (samples(job, i, 3) + samples(job, j, 7));
            float likely = 1.f / (1.f + cost * cost);
            likely *= likely;
            total += likely;
            mean += s * likely;
            square += s * s * likely;
        }
    }
    if (total <= 1e-20f) return;
    mean /= total;
    float agree = AGREE / (AGREE + fmaxf(square / total - mean * mean, 0.f));
    float found = coarse + (mean - coarse) * agree;
    out(y, x) = fminf(fmaxf((found - 0.5f) * SNAP + 0.5f, 0.f), 1.f);
}
