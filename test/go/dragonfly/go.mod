module d7y.io/dragonfly/v2

go 1.19
