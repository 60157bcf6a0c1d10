from mlpnas.cli import main

main()
