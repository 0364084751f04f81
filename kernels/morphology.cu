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

KERNEL(survey_row) {
    int top = y * k, bottom = min(top + k, h);
    for (int x = 0; x < w; ++x) columns(y, 0, x) = columns(y, 1, x) = columns(y, 2, x) = alpha(top, x);
    for (int j = top + 1; j < bottom; ++j)
        for (int x = 0; x < w; ++x) {
            float a = alpha(j, x);
            columns(y, 0, x) += a;
            columns(y, 1, x) = a > columns(y, 1, x) ? a : columns(y, 1, x);
            columns(y, 2, x) = a < columns(y, 2, x) ? a : columns(y, 2, x);
        }
    for (int cell = 0; cell < n; ++cell) {
        int first = cell * k, last = min(first + k, w);
        float added = 0.f, high = 0.f, low = 1.f;
        for (int x = first; x < last; ++x) {
            added += columns(y, 0, x);
            high = fmaxf(high, columns(y, 1, x));
            low = fminf(low, columns(y, 2, x));
        }
        mass(0, y, cell) = added;
        mass(1, y, cell) = float((bottom - top) * (last - first)) - added;
        peak(0, y, cell) = high;
        peak(1, y, cell) = 1.f - low;
    }
}

KERNEL(judge) {
    for (int y = 0; y < m; ++y)
        for (int x = 0; x < n; ++x) verdict(plane, y, x) = UNSEEN;
    for (int start = 0; start < m * n; ++start) {
        if (verdict(plane, start / n, start % n) != UNSEEN || peak(plane, start / n, start % n) < FAINT) continue;
        queue(plane, 0) = start / n << 16 | start % n;
        verdict(plane, start / n, start % n) = KEPT;
        int head = 0, tail = 1;
        float total = 0.f;
        bool outside = false;
        while (head < tail) {
            int y = queue(plane, head) >> 16, x = queue(plane, head) & 0xffff;
            ++head;
            total += mass(plane, y, x);
            outside = outside || (plane == 1 && (y == 0 || x == 0 || y == m - 1 || x == n - 1));
            for (int j = max(y - 1, 0); j < min(y + 2, m); ++j) {
                for (int i = max(x - 1, 0); i < min(x + 2, n); ++i) {
                    if (verdict(plane, j, i) == UNSEEN && peak(plane, j, i) >= FAINT) {
                        verdict(plane, j, i) = KEPT;
                        queue(plane, tail++) = j << 16 | i;
                    }
                }
            }
        }
        if (total < least && !outside)
            for (int k = 0; k < tail; ++k) verdict(plane, queue(plane, k) >> 16, queue(plane, k) & 0xffff) = GONE;
    }
}

KERNEL(sweep) {
    for (int cell = 0; cell < n; ++cell) {
        bool speck = verdict(0, y, cell) == GONE, hole = verdict(1, y, cell) == GONE;
        for (int j = y * k; j < min(y * k + k, h); ++j)
            for (int x = cell * k; x < min(cell * k + k, w); ++x)
                out(j, x) = hole ? 1.f : (speck ? 0.f : alpha(j, x));
    }
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
