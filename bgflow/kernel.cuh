// Shared head of every CUDA kernel: a strided view, and the macro that gives a body its generated parameters.
template <typename T, int N> struct View {  // the last dimension is packed; the strides of the others count elements
    T* p;
    long long s[N > 1 ? N - 1 : 1] = {};
    __device__ T& operator()(int a) const { return p[a]; }
    __device__ T& operator()(int a, int b) const { return p[a * s[0] + b]; }
    __device__ T& operator()(int a, int b, int c) const { return p[a * s[0] + b * s[1] + c]; }
    __device__ T& operator()(int a, int b, int c, int d) const { return p[a * s[0] + b * s[1] + c * s[2] + d]; }
};
#define KERNEL(name) static __device__ __forceinline__ void name##_body(ARGS_##name)
