// Things that are voted for; see things.py.
enum { VOTED, FOUND };

static __device__ __forceinline__ float share(float part, float whole) {
    return fminf(fmaxf(part / (whole + 1.f), 0.f), 1.f);
}

KERNEL(follow) {
    for (int y = 0; y < m; ++y)
        for (int x = 0; x < n; ++x) backing(y, x) = cells(VOTED, y, x) >= 4.f ? -1.f : 0.f;
    for (int start = 0; start < m * n; ++start) {
        if (backing(start / n, start % n) >= 0.f) continue;
        backing(start / n, start % n) = 0.f;
        queue(0) = start;
        int head = 0, tail = 1;
        float voted = 0.f, found = 0.f;
        while (head < tail) {
            int y = queue(head) / n, x = queue(head) % n;
            ++head;
            voted += cells(VOTED, y, x);
            found += cells(FOUND, y, x);
            for (int j = max(y - 1, 0); j < min(y + 2, m); ++j) {
                for (int k = max(x - 1, 0); k < min(x + 2, n); ++k) {
                    if (backing(j, k) < 0.f) {
                        backing(j, k) = 0.f;
                        queue(tail++) = j * n + k;
                    }
                }
            }
        }
        for (int k = 0; k < tail; ++k) backing(queue(k) / n, queue(k) % n) = share(found, voted);
    }
}

KERNEL(back) {
    int top = parent(0, 1 + y * n + x);
    backing(y, x) = top >= 0 ? share(float(total(1, top)) / unit, float(total(0, top)) / unit) : 0.f;
}
