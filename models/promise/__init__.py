"""What a promise about automatic items rests on: photos held out with their votes, the tests, the shift of shares."""
