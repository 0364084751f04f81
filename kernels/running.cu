// One Gaussian per pixel; see running.py, and mog.py for the tiles.
enum { LANES = 64, VAR = 0, RED = LANES, GREEN = 2 * LANES, BLUE = 3 * LANES };

KERNEL(running_update) {
    int start = i * span, stop = min(start + span, width);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES;
        float r = image(y, x, 0), g = image(y, x, 1), b = image(y, x, 2);
        float v = fresh == 1 ? var_init : gauss(y, tile, at + VAR);
        float mr = fresh == 1 ? r : gauss(y, tile, at + RED);
        float mg = fresh == 1 ? g : gauss(y, tile, at + GREEN);
        float mb = fresh == 1 ? b : gauss(y, tile, at + BLUE);
        float dr = r - mr, dg = g - mg, db = b - mb;
        float d2 = dr * dr + dg * dg + db * db;
        bool near = d2 < reach * v;
        float dot = r * mr + g * mg + b * mb, norm = mr * mr + mg * mg + mb * mb;
        float dark = dot / (norm > 1e-6f ? norm : 1e-6f);
        float sr = dark * mr - r, sg = dark * mg - g, sb = dark * mb - b;
        bool darker = dot <= norm && dot >= tau * norm && sr * sr + sg * sg + sb * sb < reach * v * dark * dark;
        float k = near ? rate : slow;
        float u = near ? v + rate * (d2 - v) : v;
        u = u < var_min ? var_min : u;
        gauss(y, tile, at + VAR) = u > var_max ? var_max : u;
        gauss(y, tile, at + RED) = mr + k * dr;
        gauss(y, tile, at + GREEN) = mg + k * dg;
        gauss(y, tile, at + BLUE) = mb + k * db;
        label(y, x) = (unsigned char)(near ? 0 : darker ? shadow : 255);
    }
}

KERNEL(running_plate) {
    int tile = x / LANES, at = x % LANES;
    plate(y, x, 0) = (unsigned char)(int)(gauss(y, tile, at + RED) + 0.5f);
    plate(y, x, 1) = (unsigned char)(int)(gauss(y, tile, at + GREEN) + 0.5f);
    plate(y, x, 2) = (unsigned char)(int)(gauss(y, tile, at + BLUE) + 0.5f);
}
