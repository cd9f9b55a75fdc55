/* What libraries built for Android's C library ask for and glibc has not, or has with another meaning.
 *
 * It is loaded before everything else (LD_PRELOAD), so its functions are found first. Those that glibc has too serve
 * the whole process: they do what glibc's do, unless Android's form of an argument is recognised. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Standard streams: Android's old headers have them in an array of three structures, so a stream may be the address of
 * one of these. None of them is ever looked into. Output goes to stderr: stdout is for nobody. */
enum { STREAM_BYTES = 152 };
char __sF[3][STREAM_BYTES];

extern int __vfprintf_chk(FILE *, int, const char *, va_list);

static FILE *known(FILE *stream) {
    char *address = (char *)stream;
    return address >= __sF[0] && address < __sF[0] + sizeof __sF ? stderr : stream;
}

int vfprintf(FILE *stream, const char *format, va_list arguments) {
    return __vfprintf_chk(known(stream), 0, format, arguments);
}

int fprintf(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int written = vfprintf(stream, format, arguments);
    va_end(arguments);
    return written;
}

#define LOCKED(type, call)         \
    FILE *file = known(stream);    \
    flockfile(file);               \
    type result = call;            \
    funlockfile(file);             \
    return result

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    LOCKED(size_t, fwrite_unlocked(data, size, count, file));
}

int fputs(const char *text, FILE *stream) {
    LOCKED(int, fputs_unlocked(text, file));
}

int fputc(int byte, FILE *stream) {
    LOCKED(int, fputc_unlocked(byte, file));
}

int fflush(FILE *stream) {
    if (stream == NULL) return fflush_unlocked(NULL);
    LOCKED(int, fflush_unlocked(file));
}

/* The log; what is less than a warning is left out. */
enum { ANDROID_LOG_WARN = 5 };

int __android_log_write(int priority, const char *tag, const char *text) {
    if (priority < ANDROID_LOG_WARN) return 0;
    return fprintf(stderr, "%s: %s\n", tag ? tag : "", text ? text : "");
}

int __android_log_vprint(int priority, const char *tag, const char *format, va_list arguments) {
    char text[4096];
    vsnprintf(text, sizeof text, format, arguments);
    return __android_log_write(priority, tag, text);
}

int __android_log_print(int priority, const char *tag, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int written = __android_log_vprint(priority, tag, format, arguments);
    va_end(arguments);
    return written;
}

void __android_log_assert(const char *condition, const char *tag, const char *format, ...) {
    if (format) {
        va_list arguments;
        va_start(arguments, format);
        __android_log_vprint(ANDROID_LOG_WARN, tag, format, arguments);
        va_end(arguments);
    } else {
        __android_log_write(ANDROID_LOG_WARN, tag, condition);
    }
    abort();
}

void android_set_abort_message(const char *text) {
    __android_log_write(ANDROID_LOG_WARN, "abort", text);
}

void __assert2(const char *file, int line, const char *function, const char *expression) {
    fprintf(stderr, "%s:%d: %s: assertion \"%s\" failed\n", file, line, function, expression);
    abort();
}

/* Other names of the same. */
int *__errno(void) {
    return __errno_location();
}

char *__gnu_strerror_r(int error, char *text, size_t size) {
    return strerror_r(error, text, size);
}

size_t __strlen_chk(const char *text, size_t size) {
    (void)size;
    return strlen(text);
}

char *__strchr_chk(const char *text, int byte, size_t size) {
    (void)size;
    return strchr(text, byte);
}

char *__strrchr_chk(const char *text, int byte, size_t size) {
    (void)size;
    return strrchr(text, byte);
}

ssize_t __write_chk(int descriptor, const void *data, size_t count, size_t size) {
    (void)size;
    return write(descriptor, data, count);
}

/* Android's settings: only its release is known, without which LiteRT leaves its XNNPACK delegate out. */
int __system_property_get(const char *name, char *value) {
    strcpy(value, strcmp(name, "ro.build.version.sdk") == 0 ? "34" : "");
    return (int)strlen(value);
}

/* Coverage of builds that have it. */
void __gcov_dump(void) {}
void __gcov_flush(void) {}

/* Android numbers sysconf's questions otherwise: by who asks, it is decided what was asked. */
enum { ANDROID_PAGESIZE = 0x27, ANDROID_PAGE_SIZE = 0x28, ANDROID_PROCESSORS = 0x60, ANDROID_ONLINE = 0x61 };

static int from_android(const void *address) {
    static const char *const libraries[] = {"libtensorflowlite_jni.so", "libexecutorch.so", "libfbjni.so",
                                            "libc++_shared.so"};
    Dl_info caller;
    if (!dladdr(address, &caller) || !caller.dli_fname) return 0;
    const char *slash = strrchr(caller.dli_fname, '/');
    const char *name = slash ? slash + 1 : caller.dli_fname;
    for (size_t index = 0; index < sizeof libraries / sizeof *libraries; index++) {
        if (strcmp(name, libraries[index]) == 0) return 1;
    }
    return 0;
}

extern long __sysconf(int);

long sysconf(int question) {
    if (from_android(__builtin_return_address(0))) {
        switch (question) {
            case ANDROID_PAGESIZE:
            case ANDROID_PAGE_SIZE: return __sysconf(_SC_PAGESIZE);
            case ANDROID_PROCESSORS: return __sysconf(_SC_NPROCESSORS_CONF);
            case ANDROID_ONLINE: return __sysconf(_SC_NPROCESSORS_ONLN);
            default: errno = EINVAL; return -1;
        }
    }
    return __sysconf(question);
}

/* On Android a library that looks for a symbol anywhere finds its own; here Java has loaded it with its symbols to
 * itself. LiteRT looks for its XNNPACK delegate so. */
void *dlsym(void *handle, const char *name) {
    static void *(*real)(void *, const char *);
    if (!real) real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
    const void *address = __builtin_return_address(0);
    void *found = real(handle, name);
    Dl_info caller;
    if (found || handle != RTLD_DEFAULT || !from_android(address) || !dladdr(address, &caller)) return found;
    void *own = dlopen(caller.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (!own) return NULL;
    found = real(own, name);
    dlclose(own);
    return found;
}
