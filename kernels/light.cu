// The light of a picture against that of a background; see light.py, whose constants and functions these repeat.
enum { OCTAVE = 48, MIDDLE = 96, BINS = 2 * MIDDLE + 1, PLACE = 0, GAIN = 1, INVERSE = 2, DARK = 12, CLIPPED = 250, NEAR = 6 };
enum { CLIMBS = 4, COPIES = 32 };
#define LEAD 2.f
#define FEW 8.f
#define SLACK 0.7f
#define FROZEN 0.1f

template <typename V> static __device__ __forceinline__ float pile(V votes, int c, int centre) {
    float total = 0.f;
    for (int k = max(centre - NEAR, 0); k < min(centre + NEAR + 1, (int)BINS); ++k)
        total += votes(c, k) * (1.f - (float)(k < centre ? centre - k : k - centre) / (float)(NEAR + 1));
    return total;
}

template <typename V> static __device__ __forceinline__ float climb(V votes, int c, float place) {
    for (int n = 0; n < CLIMBS; ++n) {
        int centre = (int)(place + (MIDDLE + 0.5f));
        float total = 0.f, moment = 0.f;
        for (int k = max(centre - NEAR, 0); k < min(centre + NEAR + 1, (int)BINS); ++k) {
            total += votes(c, k);
            moment += votes(c, k) * (float)(k - MIDDLE);
        }
        place = total >= FEW ? moment / total : place;
    }
    return place;
}

template <typename L> static __device__ __forceinline__ int bin_of(int level, int under, L logs) {
    if (min(level, under) < DARK || max(level, under) >= CLIPPED) return -1;
    int k = (int)(logs(0, level) - logs(0, under) + (MIDDLE + 0.5f));
    return k < BINS ? k : -1;
}

KERNEL(light_count) {
    int y = row * step;
    for (int c = 0; c < 3; ++c)
        for (int k = 0; k < BINS; ++k) out(row, c, k) = 0.f;
    for (int x = 0; x < w; x += step) {
        if (!(freeze(y, x) <= FROZEN)) continue;
        for (int c = 0; c < 3; ++c) {
            int k = bin_of(image(y, x, c), plate(y, x, c), logs);
            if (k >= 0) out(row, c, k) += 1.f;
        }
    }
}

KERNEL(light_vote) {
    int y = row * step, x = column * step;
    if (!(freeze(y, x) <= FROZEN)) return;
    for (int c = 0; c < 3; ++c) {
        int k = bin_of(image(y, x, c), plate(y, x, c), logs);
        if (k >= 0) atomicAdd(&counts(3 * (column % COPIES) + c, k), 1);
    }
}

KERNEL(light_tally) {
    int total = 0;
    for (int copy = 0; copy < COPIES; ++copy) total += counts(3 * copy + c, k);
    votes(c, k) = (float)total;
}

KERNEL(light_sum) {
    float total = 0.f;
    for (int row = 0; row < rows; ++row) total += counts(row, c, k);
    votes(c, k) = total;
}

KERNEL(light_pile) { piles(c, k) = pile(votes, c, k); }

KERNEL(light_choose) {
    float place = light(c, PLACE), highest = pile(votes, c, (int)(place + (MIDDLE + 0.5f))) * LEAD + FEW;
    for (int k = 0; k < BINS; ++k) {
        float height = piles(c, k);
        if (height > highest) {
            highest = height;
            place = (float)(k - MIDDLE);
        }
    }
    place = climb(votes, c, place);
    light(c, PLACE) = place;
    float above = place - SLACK > 0.f ? place - SLACK : 0.f, below = place + SLACK < 0.f ? place + SLACK : 0.f;
    float gain = exp2f((above + below) / (float)OCTAVE);
    light(c, GAIN) = gain;
    light(c, INVERSE) = 1.f / gain;
}

KERNEL(light_undo) {
    for (int c = 0; c < 3; ++c) {
        int level = image(y, x, c), under = plate(y, x, c);
        int brighter = min((int)((float)under * light(c, GAIN)), 255);
        int back = min((int)((float)level * light(c, INVERSE) + 0.5f), 255);
        out(y, x, c) = (unsigned char)(min(level, brighter) >= CLIPPED ? under : back);
    }
}

KERNEL(light_redo) {
    for (int c = 0; c < 3; ++c)
        out(y, x, c) = (unsigned char)min((int)((float)plate(y, x, c) * light(c, GAIN) + 0.5f), 255);
}
