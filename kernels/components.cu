// Telling the subjects of a matte apart; see components.py.
KERNEL(measure) {
    float total = 0.f, most = 0.f;
    for (int j = y * k; j < min(y * k + k, h); ++j) {
        for (int i = x * k; i < min(x * k + k, w); ++i) {
            total += alpha(j, i);
            most = fmaxf(most, alpha(j, i));
        }
    }
    mass(y, x) = total;
    peak(y, x) = most;
}

KERNEL(glance) {
    int j = min(y * k + k / 2, h - 1), i = min(x * k + k / 2, w - 1);
    for (int c = 0; c < 3; ++c) tint(y, x, c) = image(j, i, c);
}

KERNEL(label) {
    for (int y = 0; y < m; ++y)
        for (int x = 0; x < n; ++x) labels(y, x) = 0;
    int count = 0, head = 0, tail = 0;
    for (int start = 0; start < m * n; ++start) {
        if (labels(start / n, start % n) != 0 || peak(start / n, start % n) < strong) continue;
        labels(start / n, start % n) = ++count;
        queue(batch, tail++) = start;
        while (head < tail) {
            int y = queue(batch, head) / n, x = queue(batch, head) % n;
            ++head;
            for (int j = max(y - 1, 0); j < min(y + 2, m); ++j) {
                for (int i = max(x - 1, 0); i < min(x + 2, n); ++i) {
                    if (labels(j, i) == 0 && peak(j, i) >= strong) {
                        labels(j, i) = count;
                        queue(batch, tail++) = j * n + i;
                    }
                }
            }
        }
    }
    head = 0;
    while (head < tail) {
        int y = queue(batch, head) / n, x = queue(batch, head) % n;
        ++head;
        for (int j = max(y - 1, 0); j < min(y + 2, m); ++j) {
            for (int i = max(x - 1, 0); i < min(x + 2, n); ++i) {
                if (labels(j, i) == 0) {
                    labels(j, i) = labels(y, x);
                    queue(batch, tail++) = j * n + i;
                }
            }
        }
    }
    found(batch, 0) = count;
}

KERNEL(keep) {
    bool stays = kept(y / k, x) != 0;
    for (int i = x * k; i < min(x * k + k, w); ++i) out(y, i) = stays ? alpha(y, i) : 0.f;
}

KERNEL(identify) {
    unsigned char number = numbers(y / k, x);
    for (int i = x * k; i < min(x * k + k, w); ++i) ids(y, i) = alpha(y, i) >= strong ? number : 0;
}
