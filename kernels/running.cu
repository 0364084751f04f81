// One Gaussian per pixel; see running.py, and modes.py for the tiles.
enum { LANES = 64, VAR = 0, RED = LANES, GREEN = 2 * LANES, BLUE = 3 * LANES };
#define FROZEN 0.1f

static __device__ __forceinline__ bool darkened(float r, float g, float b, float mr, float mg, float mb, float limit,
                                                float tau) {
    float dot = r * mr + g * mg + b * mb, norm = mr * mr + mg * mg + mb * mb;
    float dark = dot / (norm > 1e-6f ? norm : 1e-6f);
    float dr = dark * mr - r, dg = dark * mg - g, db = dark * mb - b;
    return dot <= norm && dot >= tau * norm && dr * dr + dg * dg + db * db < limit * dark * dark;
}

KERNEL(running_update) {
    int start = i * span, stop = min(start + span, width);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES;
        bool held = freeze(y, x) > FROZEN, unseen = gauss(y, tile, at + VAR) == 0.f;
        if (held && unseen) {
            label(y, x) = 255;
            continue;
        }
        float r = image(y, x, 0), g = image(y, x, 1), b = image(y, x, 2);
        float v = unseen ? var_init : gauss(y, tile, at + VAR);
        float mr = unseen ? r : gauss(y, tile, at + RED);
        float mg = unseen ? g : gauss(y, tile, at + GREEN);
        float mb = unseen ? b : gauss(y, tile, at + BLUE);
        float dr = r - mr, dg = g - mg, db = b - mb;
        float d2 = dr * dr + dg * dg + db * db;
        bool near = d2 < reach * v;
        label(y, x) = (unsigned char)(near ? 0 : darkened(r, g, b, mr, mg, mb, reach * v, tau) ? shadow : 255);
        if (held) continue;
        float k = near ? rate : slow;
        float u = near ? v + rate * (d2 - v) : v;
        u = u < var_min ? var_min : u;
        gauss(y, tile, at + VAR) = u > var_max ? var_max : u;
        gauss(y, tile, at + RED) = mr + k * dr;
        gauss(y, tile, at + GREEN) = mg + k * dg;
        gauss(y, tile, at + BLUE) = mb + k * db;
    }
}

KERNEL(running_evidence) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES;
        float limit = reach * gauss(y, tile, at + VAR);
        float dr = image(y, x, 0) - gauss(y, tile, at + RED);
        float dg = image(y, x, 1) - gauss(y, tile, at + GREEN);
        float db = image(y, x, 2) - gauss(y, tile, at + BLUE);
        float d2 = dr * dr + dg * dg + db * db;
        evidence(y, x) = limit > 0.f ? d2 / (d2 + limit > 1e-6f ? d2 + limit : 1e-6f) : 0.5f;
    }
}

KERNEL(running_plate) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES;
        plate(y, x, 0) = (unsigned char)(int)(gauss(y, tile, at + RED) + 0.5f);
        plate(y, x, 1) = (unsigned char)(int)(gauss(y, tile, at + GREEN) + 0.5f);
        plate(y, x, 2) = (unsigned char)(int)(gauss(y, tile, at + BLUE) + 0.5f);
    }
}
