// Two opinions made into one matte; see fuse.py.
#define CELL 8

static __device__ __forceinline__ float share(float part, float whole) {
    return fminf(fmaxf(part / (whole + 1.f), 0.f), 1.f);
}

KERNEL(count) {
    vote(y, x) = label(y, x) == 255 ? 1.f : 0.f;
}

KERNEL(witness) {
    float subject = 0.f, hit = 0.f, background = 0.f, clear = 0.f;
    for (int j = y * CELL; j < min(y * CELL + CELL, h); ++j) {
        for (int i = x * CELL; i < min(x * CELL + CELL, w); ++i) {
            subject += low(j, i);
            hit += low(j, i) * vote(j, i);
            background += 1.f - high(j, i);
            clear += (1.f - high(j, i)) * (1.f - vote(j, i));
        }
    }
    out(0, y, x) = subject;
    out(1, y, x) = hit;
    out(2, y, x) = background;
    out(3, y, x) = clear;
}

KERNEL(decide) {
    int j = y / CELL, i = x / CELL;
    float sees = share(evidence(1, j, i), evidence(0, j, i));
    float spares = share(evidence(3, j, i), evidence(2, j, i));
    float a = alpha(y, x);
    float up = spares * vote(y, x) * (1.f - a);
    float down = sees * (1.f - vote(y, x)) * a;
    out(y, x) = fminf(fmaxf(a + trust * (up - down), low(y, x)), high(y, x));
}
