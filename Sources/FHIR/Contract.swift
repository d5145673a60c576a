// contract
