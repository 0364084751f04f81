// Shared head of every CUDA kernel: a strided view, and the macro that gives a body its generated parameters.
// Strides count elements and are kept in 32 bits, which halves the registers and the arithmetic of an address: an array
// has fewer than 2^31 elements.
template <typename T, int N> struct View {  // the last dimension is packed
    T* p;
    int s[N > 1 ? N - 1 : 1] = {};
    __device__ View(T* at, long long a = 0, long long b = 0, long long c = 0) : p(at) {
        if constexpr (N > 1) s[0] = int(a);
        if constexpr (N > 2) s[1] = int(b);
        if constexpr (N > 3) s[2] = int(c);
    }
    __device__ T& operator()(int a) const { return p[a]; }
    __device__ T& operator()(int a, int b) const { return p[a * s[0] + b]; }
    __device__ T& operator()(int a, int b, int c) const { return p[a * s[0] + b * s[1] + c]; }
    __device__ T& operator()(int a, int b, int c, int d) const { return p[a * s[0] + b * s[1] + c * s[2] + d]; }
};
#define KERNEL(name) static __device__ __forceinline__ void name##_body(ARGS_##name)
