// Growing, shrinking and clean-up of mattes; see morphology.py.
#define FAINT (1.f / 16.f)
enum { UNSEEN, KEPT, GONE };

KERNEL(line) {
    int left = block * step, right = min(left + step, w);
    for (int x = left; x < right; ++x) out(y, x) = source(y, x);
    for (int i = 0; i < 2 * r + 3; ++i) {
        int k = i <= 2 * r ? i - r : (i - 2 * r - 1) * (2 * r + 2) - r - 1;
        float share = i <= 2 * r ? 1.f : part;
        int j = y + k * dy;
        if (j < 0 || j >= h || share <= 0.f) continue;
        for (int x = max(left, -k * dx); x < min(right, w - k * dx); ++x) {
            float a = out(y, x), b = source(j, x + k * dx);
            if (sign * b > sign * a) out(y, x) = a + (b - a) * share;
        }
    }
}

KERNEL(survey) {
    float total = 0.f, most = 0.f, least = 1.f;
    int y1 = min(y * k + k, h), x1 = min(x * k + k, w);
    for (int j = y * k; j < y1; ++j) {
        for (int i = x * k; i < x1; ++i) {
            total += alpha(j, i);
            most = fmaxf(most, alpha(j, i));
            least = fminf(least, alpha(j, i));
        }
    }
    mass(0, y, x) = total;
    mass(1, y, x) = float((y1 - y * k) * (x1 - x * k)) - total;
    peak(0, y, x) = most;
    peak(1, y, x) = 1.f - least;
}

KERNEL(judge) {
    for (int y = 0; y < m; ++y)
        for (int x = 0; x < n; ++x) verdict(plane, y, x) = UNSEEN;
    for (int start = 0; start < m * n; ++start) {
        if (verdict(plane, start / n, start % n) != UNSEEN || peak(plane, start / n, start % n) < FAINT) continue;
        queue(plane, 0) = start;
        verdict(plane, start / n, start % n) = KEPT;
        int head = 0, tail = 1;
        float total = 0.f;
        bool outside = false;
        while (head < tail) {
            int y = queue(plane, head) / n, x = queue(plane, head) % n;
            ++head;
            total += mass(plane, y, x);
            outside = outside || (plane == 1 && (y == 0 || x == 0 || y == m - 1 || x == n - 1));
            for (int j = max(y - 1, 0); j < min(y + 2, m); ++j) {
                for (int i = max(x - 1, 0); i < min(x + 2, n); ++i) {
                    if (verdict(plane, j, i) == UNSEEN && peak(plane, j, i) >= FAINT) {
                        verdict(plane, j, i) = KEPT;
                        queue(plane, tail++) = j * n + i;
                    }
                }
            }
        }
        if (total < least && !outside)
            for (int k = 0; k < tail; ++k) verdict(plane, queue(plane, k) / n, queue(plane, k) % n) = GONE;
    }
}

KERNEL(sweep) {
    bool speck = verdict(0, y / k, cell) == GONE, hole = verdict(1, y / k, cell) == GONE;
    for (int x = cell * k; x < min(cell * k + k, w); ++x) out(y, x) = hole ? 1.f : (speck ? 0.f : alpha(y, x));
}

KERNEL(clear) {
    int at = 1 + (y / k) * n + x / k, subject = parent(0, at), background = parent(1, at);
    bool speck = subject >= 0 && float(total(0, subject)) < least;
    bool hole = background > 0 && float(total(1, background)) < least;
    out(y, x) = hole ? 1.f : (speck ? 0.f : alpha(y, x));
}

KERNEL(steepen) {
    out(y, x) = fminf(fmaxf((alpha(y, x) - 0.5f) * slope + 0.5f, 0.f), 1.f);
}
