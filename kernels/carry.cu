// The bodies of carry.py.
#define PAD 12
#define APART 6
#define DOUBT 0.6f
#define CELL 8
#define AROUND 2
#define FAR 4
#define LIKE 10.f
#define UNSURE 0.25f
#define BINS 64
#define ALIKE 1e-6f

static __device__ __forceinline__ float lerp(const View<const float, 2>& p, float v, float u, int m, int n) {
    v = fminf(fmaxf(v, 0.f), float(m - 1));
    u = fminf(fmaxf(u, 0.f), float(n - 1));
    int j = int(v), i = int(u), j1 = min(j + 1, m - 1), i1 = min(i + 1, n - 1);
    float fy = v - float(j), fx = u - float(i);
    float upper = p(j, i) + (p(j, i1) - p(j, i)) * fx, lower = p(j1, i) + (p(j1, i1) - p(j1, i)) * fx;
    return upper + (lower - upper) * fy;
}

static __device__ __forceinline__ float novelty(float difference, float limit) {
    return fminf(fmaxf(difference / limit - 1.f, 0.f), 1.f);
}

KERNEL(differ) {
    float v = fminf(fmaxf(float(y + PAD) + flow(0, y, x), 0.f), float(ph - 2));
    float u = fminf(fmaxf(float(x + PAD) + flow(1, y, x), 0.f), float(pw - 2));
    int j = int(v), i = int(u);
    float fx = u - float(i);
    float upper = float(past(j, i)) + float(int(past(j, i + 1)) - int(past(j, i))) * fx;
    float lower = float(past(j + 1, i)) + float(int(past(j + 1, i + 1)) - int(past(j + 1, i))) * fx;
    out(y, x) = fabsf(upper + (lower - upper) * (v - float(j)) - float(now(y + PAD, x + PAD))) * (1.f / 16.f);
}

KERNEL(smooth_span) {
    for (int x = i * span; x < min(i * span + span, n); ++x) {
        float total = 0.f;
        for (int c = -2; c < 3; ++c)
            for (int r = -2; r < 3; ++r) total += source(min(max(y + r, 0), m - 1), min(max(x + c, 0), n - 1));
        out(y, x) = total * (1.f / 25.f);
    }
}

KERNEL(thin) { out(y, x) = source(y * APART, x * APART);
}

KERNEL(outrank) {
    float mine = some(i);
    int count = 0;
    for (int k = part * n / parts; k < (part + 1) * n / parts; ++k) {
        float other = some(k);
        count += other < mine || (other == mine && k < i) ? 1 : 0;
    }
    before(part, i) = count;
}

KERNEL(choose) {
    int count = 0;
    for (int part = 0; part < parts; ++part) count += before(part, i);
    if (count == rank) out(0) = times * some(i) + least;
}

KERNEL(narrow) {
    float low = some(0), high = some(0);
    for (int k = 0; k < n; ++k) {
        low = fminf(low, some(k));
        high = fmaxf(high, some(k));
    }
    int left = rank;
    while (high - low > ALIKE) {
        float scale = float(BINS) / (high - low);
        for (int b = 0; b < BINS; ++b) counts(b) = 0;
        for (int k = 0; k < n; ++k)
            if (some(k) >= low && some(k) <= high) counts(min(int((some(k) - low) * scale), BINS - 1)) += 1;
        int mine = 0;
        for (; left >= counts(mine); ++mine) left -= counts(mine);
        float least_there = high, most_there = low;
        for (int k = 0; k < n; ++k) {
            if (some(k) < low || some(k) > high || min(int((some(k) - low) * scale), BINS - 1) != mine) continue;
            least_there = fminf(least_there, some(k));
            most_there = fmaxf(most_there, some(k));
        }
        low = least_there;
        high = most_there;
    }
    out(0) = times * low + least;
}

KERNEL(carry) { out(y, x) = lerp(source, float(y) + flow(0, y, x), float(x) + flow(1, y, x), m, n);
}

KERNEL(fill) {
    for (int x = CELL * cell; x < CELL * cell + CELL; ++x) {
        float value = source(y, x), fresh = novelty(difference(y, x), limit(0));
        if (fresh > 0.f) {
            float total = 0.001f, mean = 0.001f * value;
            int here = now(y + PAD, x + PAD);
            for (int r = -AROUND; r <= AROUND; ++r) {
                int j = max(min(y + FAR * r, m - 1), 0);
                for (int c = -AROUND; c <= AROUND; ++c) {
                    int i = max(min(x + FAR * c, n - 1), 0);
                    float d = float(int(now(j + PAD, i + PAD)) - here) * (1.f / 16.f / LIKE);
                    float weight = (1.f - novelty(difference(j, i), limit(0))) / (1.f + d * d * d * d);
                    mean += weight * source(j, i);
                    total += weight;
                }
            }
            value += (mean / total - value) * fresh;
        }
        out(y, x) = value;
    }
}

KERNEL(begin) { trust(y, x) = value;
}

KERNEL(bring) {
    for (int x = CELL * cell; x < CELL * cell + CELL; ++x) {
        float v = flow(0, y, x), u = flow(1, y, x);
        float speed = fminf((v * v + u * u) * slow, 1.f);
        float kept = (1.f - still - (moving - still) * speed) * (1.f - novelty(difference(y, x), limit(0)));
        now_matte(y, x) = lerp(matte, float(y) + v, float(x) + u, m, n);
        now_trust(y, x) = kept * lerp(trust, float(y) + v, float(x) + u, m, n);
    }
}

KERNEL(settle) {
    float a = answer(y, x), c = matte(y, x);
    float known = trust(y, x) * (1.f - DOUBT * fminf(fmaxf((fabsf(a - c) - 0.5f) / 0.4f, 0.f), 1.f));
    float sure = fabsf(2.f * a - 1.f);
    float news = (UNSURE + (1.f - UNSURE) * sure) * (1.f - novelty(difference(y, x), limit(0))) + 0.001f;
    matte(y, x) = c + (a - c) * (news / (news + known));
    trust(y, x) = known + news;
}
