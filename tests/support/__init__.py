"""What several test suites share: real servers in processes of their own, and a gateway of scripted parts."""
