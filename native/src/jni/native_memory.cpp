// The native methods of dev.espalier.bindings.NativeMemory. JNI's Get/Set<Type>ArrayRegion check the array's range and
// copy once, without pinning.
#include <jni.h>
#include <stdint.h>

namespace {

template <typename T>
T* pointer(jlong address) {
  return reinterpret_cast<T*>(static_cast<uintptr_t>(address));
}

}  // namespace

extern "C" {

JNIEXPORT void JNICALL Java_dev_espalier_bindings_NativeMemory_write__J_3FII(JNIEnv* env, jclass, jlong address,
                                                                             jfloatArray source, jint offset,
                                                                             jint count) {
  env->GetFloatArrayRegion(source, offset, count, pointer<jfloat>(address));
}

JNIEXPORT void JNICALL Java_dev_espalier_bindings_NativeMemory_write__J_3III(JNIEnv* env, jclass, jlong address,
                                                                             jintArray source, jint offset,
                                                                             jint count) {
  env->GetIntArrayRegion(source, offset, count, pointer<jint>(address));
}

JNIEXPORT void JNICALL Java_dev_espalier_bindings_NativeMemory_write__J_3BII(JNIEnv* env, jclass, jlong address,
                                                                             jbyteArray source, jint offset,
                                                                             jint count) {
  env->GetByteArrayRegion(source, offset, count, pointer<jbyte>(address));
}

JNIEXPORT void JNICALL Java_dev_espalier_bindings_NativeMemory_read__J_3FII(JNIEnv* env, jclass, jlong address,
                                                                            jfloatArray target, jint offset,
                                                                            jint count) {
  env->SetFloatArrayRegion(target, offset, count, pointer<const jfloat>(address));
}

JNIEXPORT void JNICALL Java_dev_espalier_bindings_NativeMemory_read__J_3III(JNIEnv* env, jclass, jlong address,
                                                                            jintArray target, jint offset, jint count) {
  env->SetIntArrayRegion(target, offset, count, pointer<const jint>(address));
}

JNIEXPORT void JNICALL Java_dev_espalier_bindings_NativeMemory_read__J_3BII(JNIEnv* env, jclass, jlong address,
                                                                            jbyteArray target, jint offset,
                                                                            jint count) {
  env->SetByteArrayRegion(target, offset, count, pointer<const jbyte>(address));
}

JNIEXPORT jobject JNICALL Java_dev_espalier_bindings_NativeMemory_view(JNIEnv* env, jclass, jlong address, jint bytes) {
  return env->NewDirectByteBuffer(pointer<void>(address), bytes);
}

JNIEXPORT jlong JNICALL Java_dev_espalier_bindings_NativeMemory_address(JNIEnv* env, jclass, jobject buffer) {
  return static_cast<jlong>(reinterpret_cast<uintptr_t>(env->GetDirectBufferAddress(buffer)));
}

}  // extern "C"
