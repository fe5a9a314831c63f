int run_tests();
int main() { return run_tests(); }
