// A background model of samples; see samples.py, whose constants and functions these repeat.
enum { LANES = 64, RED = 0, GREEN = LANES, BLUE = 2 * LANES, FAR = 3 * LANES, NEAR = 4 * LANES, LOOK = 5 * LANES };
enum { DISTANCE = 3 * LANES, REACH = 4 * LANES, PACE = 5 * LANES, BLINK = 6 * LANES };
enum { OWN = 1, TAKEN = 2, NEW = 4 };
#define DRIFT 0.02f
#define WIDEN 0.02f
#define REACH_MAX 8.f
#define SLOWER 0.5f
#define QUICKER 0.05f
#define PACE_MAX 256.f
#define CALM 0.1f
#define BLINK_MIN 0.1f
#define BLINK_MAX 255.f
#define TINY 1e-3f
#define CHANCES 65536.f
#define FROZEN 0.1f

static __device__ __forceinline__ unsigned mix(unsigned n) {
    n = ((n >> 16) ^ n) * 0x45D9F3Bu;
    n = ((n >> 16) ^ n) * 0x45D9F3Bu;
    return (n >> 16) ^ n;
}

static __device__ __forceinline__ unsigned draw(int key, int y, int x) {
    return unsigned(key) + unsigned(y) * 0x9E3779B1u + unsigned(x) * 0x85EBCA6Bu;
}

static __device__ __forceinline__ int beside(int place, unsigned chance, int r, int n) {
    return min(max(place + int(chance & 0xFF) * (2 * r + 1) / 256 - r, 0), n - 1);
}

template <typename P, typename S>
static __device__ __forceinline__ void take(int k, int y, int x, int ny, int nx, P probe, S samples) {
    for (int c = 0; c < LOOK; c += LANES) samples(k, y, x / LANES, x % LANES + c) = probe(ny, nx / LANES, nx % LANES + c);
}

KERNEL(samples_adapt) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES, before = was(y, x);
        bool subject = raw(y, x) != 0;
        if (raw(y, x) == 255 && freeze(y, x) >= 0.5f) label(y, x) = 255;
        bool inside = label(y, x) == 255;
        bool blinks = subject != (before % 2 == 1) && before < 2 && !inside;
        was(y, x) = (unsigned char)((subject ? 1 : 0) + (inside ? 2 : 0));
        float pace = state(y, tile, at + PACE);
        if (freeze(y, x) > FROZEN || pace == 0.f) continue;
        float distance = state(y, tile, at + DISTANCE), reach = state(y, tile, at + REACH);
        float blink = state(y, tile, at + BLINK);
        float far = distance + DRIFT * (nearest(y, x) - distance);
        float nervous = blinks ? fminf(blink + 1.f, BLINK_MAX) : fmaxf(blink - CALM, BLINK_MIN);
        float wide = 1.f + far * swing;
        reach = reach < wide * wide ? reach + WIDEN * nervous : reach - WIDEN / nervous;
        pace = subject ? pace + SLOWER / (nervous * far + TINY) : pace - QUICKER * nervous / (far + TINY);
        state(y, tile, at + DISTANCE) = far;
        state(y, tile, at + REACH) = fminf(fmaxf(reach, 1.f), REACH_MAX);
        state(y, tile, at + PACE) = fminf(fmaxf(pace, pace_min), PACE_MAX);
        state(y, tile, at + BLINK) = nervous;
        if (subject) continue;
        for (int c = 0; c < DISTANCE; c += LANES)
            state(y, tile, at + c) += mean * (probe(y, tile, at + c) - state(y, tile, at + c));
    }
}

KERNEL(samples_draw) {
    turn(i, 1) = int(mix(mix(unsigned(seed)) + unsigned(turn(i, 0))) >> 1);
    turn(i, 0) += 1;
}

KERNEL(samples_renew) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES;
        unsigned chance = mix(draw(turn(0, 1), y, tile) + 1u);
        int slot = int(chance & 0xFF) * n / 256, other = int(chance >> 8 & 0xFF) * n / 256;
        chance = mix(draw(turn(0, 1), y, x));
        float pace = state(y, tile, at + PACE), often = fminf(pace, limit);
        float mine = raw(y, x) == 0 ? often : absorb;
        int due = float(chance & 0xFFFF) * mine < CHANCES ? OWN : 0;
        due += float(chance >> 16) * often < CHANCES ? TAKEN : 0;
        if (pace == 0.f) due = NEW;
        if (!(freeze(y, x) <= FROZEN)) due = 0;
        todo(y, x) = (unsigned char)due;
        if (due == 0) continue;
        if (due & OWN) take(slot, y, x, y, x, probe, samples);
        chance = mix(draw(turn(0, 1), y, x) + 2u);
        if (due & TAKEN) {
            int ny = beside(y, chance, 1, h), nx = beside(x, chance >> 8, 1, w);
            if (raw(ny, nx) == 0 && freeze(ny, nx) <= FROZEN)
                take(other, y, x, ny, nx, probe, samples);
        }
        if (due & NEW) {
            for (int c = 0; c < DISTANCE; c += LANES) state(y, tile, at + c) = probe(y, tile, at + c);
            state(y, tile, at + DISTANCE) = 0.f;
            state(y, tile, at + REACH) = 1.f;
            state(y, tile, at + PACE) = pace_min;
            state(y, tile, at + BLINK) = 1.f;
            for (int k = 0; k < n; ++k) {
                chance = mix(chance + k);
                int ny = beside(y, chance, 2, h), nx = beside(x, chance >> 8, 2, w);
                bool free = freeze(ny, nx) <= FROZEN;
                take(k, y, x, free ? ny : y, free ? nx : x, probe, samples);
            }
        }
    }
}
