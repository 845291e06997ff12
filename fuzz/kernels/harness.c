/* libFuzzer's entry points: an embedded Python imports fuzz.kernels.targets and gets each input as bytes.

   The executable brings the runtimes of libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer. The kernels, which
   Python loads later, find them in it. An exception that a target raises is printed and ends the process like a
   sanitizer's report: libFuzzer then writes the input to a file.

   HPMASK_FUZZ_TARGET  name of the target
   HPMASK_FUZZ_PYTHON  the interpreter whose packages are used */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static PyObject* target;

static void fail(const char* what)
{
    fprintf(stderr, "harness: %s\n", what);
    if (PyErr_Occurred())
        PyErr_Print();
    exit(2);
}

static PyObject* find_target(const char* name)
{
    PyObject *found = NULL, *module = PyImport_ImportModule("fuzz.kernels.targets");
    if (module != NULL) {
        found = PyObject_CallMethod(module, "entry", "s", name);
        Py_DECREF(module);
    }
    return found;
}

int LLVMFuzzerInitialize(int* argc, char*** argv)
{
    const char *name = getenv("HPMASK_FUZZ_TARGET"), *python = getenv("HPMASK_FUZZ_PYTHON");
    PyConfig config;
    PyStatus status;
    (void) argc;
    (void) argv;
    if (name == NULL || python == NULL)
        fail("HPMASK_FUZZ_TARGET and HPMASK_FUZZ_PYTHON must be set");
    PyConfig_InitPythonConfig(&config);
    /* Signals are libFuzzer's. */
    config.install_signal_handlers = 0;
    config.parse_argv = 0;
    status = PyConfig_SetBytesString(&config, &config.program_name, python);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        fail(status.err_msg ? status.err_msg : "Python did not start");
    target = find_target(name);
    if (target == NULL)
        fail("the target could not be imported");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    PyObject* result = PyObject_CallFunction(target, "y#", (const char*) data, (Py_ssize_t) size);
    if (result == NULL) {
        PyErr_Print();
        fflush(stderr);
        abort();
    }
    Py_DECREF(result);
    return 0;
}
