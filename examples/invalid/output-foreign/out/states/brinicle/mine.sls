my-own-state:
  test.nop: []
